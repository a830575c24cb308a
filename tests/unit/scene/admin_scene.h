/* admin_scene - the server of process_scene, and admin commands that are put to it. */
#ifndef UNIT_ADMIN_SCENE_H
#define UNIT_ADMIN_SCENE_H

#include "admin/admin_command.h"
#include "base/container.h"
#include "scene/process_scene.h"

struct admin_scene {
	struct process_scene process;
	struct admin_host host;
	struct admin_command command;
	char *answer; /* owned */
	unsigned n_answers;
	bool answered;
};

static inline void admin_scene_start(struct admin_scene *scene, const char *more)
{
	*scene = (struct admin_scene){ .n_answers = 0 };
	scene_start(&scene->process, more);
	scene->host = (struct admin_host){ .runtime = &scene->process.runtime,
		                           .server = scene->process.server,
		                           .drain = &scene->process.drain,
		                           .reload = &scene->process.reload };
}

static inline void admin_scene_stop(struct admin_scene *scene)
{
	free(scene->answer);
	scene_stop(&scene->process);
}

static inline void admin_scene_on_answer(struct admin_command *command, char *text, size_t len)
{
	struct admin_scene *scene = CONTAINER_OF(command, struct admin_scene, command);

	ck_assert_ptr_nonnull(text);
	ck_assert_uint_eq(strlen(text), len);
	free(scene->answer);
	scene->answer = text;
	scene->n_answers++;
	scene->answered = true;
}

/* Returns the answer, which is valid until the next question. */
static inline const char *admin_scene_ask(struct admin_scene *scene, const char *line)
{
	char copy[256];
	unsigned before = scene->n_answers;

	snprintf(copy, sizeof copy, "%s", line);
	scene->answered = false;
	admin_command_start(&scene->command, &scene->host, copy, admin_scene_on_answer);
	ck_assert(run_until(scene->process.runtime.main_loop, run_until_is_set, &scene->answered));
	ck_assert_uint_eq(scene->n_answers, before + 1);
	return scene->answer;
}

/* The number behind the key's first occurrence. */
static inline long long admin_scene_number(const char *answer, const char *key)
{
	char quoted[64];
	const char *at;

	snprintf(quoted, sizeof quoted, "\"%s\": ", key);
	at = strstr(answer, quoted);
	ck_assert_msg(at != NULL, "%s: %s", key, answer);
	return strtoll(at + strlen(quoted), NULL, 10);
}

static inline void admin_scene_expect(const char *answer, const char *part)
{
	ck_assert_msg(strstr(answer, part) != NULL, "no %s in: %s", part, answer);
}

static inline void admin_scene_expect_not(const char *answer, const char *part)
{
	ck_assert_msg(strstr(answer, part) == NULL, "%s in: %s", part, answer);
}

/* Asks until the answer's first number of that key is this one. */
static inline const char *admin_scene_ask_until(struct admin_scene *scene, const char *line,
                                                const char *key, long long number)
{
	int64_t deadline_ms = clock_ms() + RUN_UNTIL_MS;

	while (admin_scene_number(admin_scene_ask(scene, line), key) != number) {
		ck_assert_msg(clock_ms() < deadline_ms, "%s", scene->answer);
		run_for(scene->process.runtime.main_loop, 2);
	}
	return scene->answer;
}

#endif
