/* asker - a session that asks the auth chain. All of it happens on the first worker. */
#ifndef UNIT_ASKER_H
#define UNIT_ASKER_H

#include "base/container.h"
#include "net/stream.h"
#include "scene/host_scene.h"
#include "sockets.h"
#include "verdict/auth.h"

struct asker {
	struct host_scene *scene;
	struct plugin_set *set;
	struct auth_question question;
	struct auth_run run;
	int fds[2];
	struct uuid challenge;
	atomic_int verdict;     /* returned, or given later */
	atomic_uint n_verdicts; /* given later */
	bool cancel;            /* at once */
};

static inline void asker_on_verdict(struct auth_run *run, int32_t verdict)
{
	struct asker *asker = CONTAINER_OF(run, struct asker, run);

	atomic_store(&asker->verdict, verdict);
	atomic_fetch_add(&asker->n_verdicts, 1);
}

static inline void asker_open_stream(void *arg)
{
	struct asker *asker = arg;
	spore_addr peer;

	ck_assert(addr_parse("127.0.0.1:1", &peer));
	asker->question.stream = stream_new(asker->scene->loops[0], asker->fds[0], &peer, NULL);
	ck_assert_ptr_nonnull(asker->question.stream);
}

static inline void asker_close_stream(void *arg)
{
	struct asker *asker = arg;

	auth_cancel(&asker->run, SPORE_END_CLOSED);
	auth_cancel(&asker->run, SPORE_END_CLOSED); /* harmless */
	stream_close(asker->question.stream, false);
}

static inline void asker_run_judge(void *arg)
{
	struct asker *asker = arg;

	atomic_store(&asker->verdict, auth_judge(&asker->run, &asker->question, asker_on_verdict));
	if (asker->cancel)
		auth_cancel(&asker->run, SPORE_END_CLOSED);
}

static inline void asker_run_answer(void *arg)
{
	struct asker *asker = arg;

	atomic_store(&asker->verdict, auth_answer(&asker->run, &asker->question, asker_on_verdict));
}

static inline void asker_open(struct asker *asker, struct host_scene *scene, unsigned role,
                              const char *text)
{
	struct patience patience = { .until_ms = INT64_MAX };
	struct err err;

	host_scene_open(scene);
	*asker = (struct asker){ .scene = scene };
	asker->set = host_scene_set(scene, role, text, NULL);
	ck_assert_msg(asker->set != NULL, "%s", scene->printed);
	ck_assert_msg(plugin_set_start(asker->set, true, scene->loops, &patience, &err), "%s",
	              err.text);
	sockets_tcp_pair(asker->fds);
	host_scene_call(scene, asker_open_stream, asker);
	asker->question.set = asker->set;
	asker->question.purpose = SPORE_AUTH_CONTROL;
	asker->question.deadline_ms = clock_ms() + HOST_SCENE_MS;
	asker->question.server_name = "localhost";
}

static inline void asker_close(struct asker *asker)
{
	host_scene_call(asker->scene, asker_close_stream, asker);
	close(asker->fds[1]);
	plugin_set_unref(asker->set);
	host_scene_close(asker->scene);
}

static inline bool asker_has_verdict(void *arg)
{
	return atomic_load(&((struct asker *)arg)->verdict) != SPORE_EPENDING;
}

/* The verdict on an answer, however it comes. */
static inline int32_t asker_judge(struct asker *asker, const char *answer)
{
	asker->question.answer = answer;
	host_scene_call(asker->scene, asker_run_judge, asker);
	ck_assert(host_scene_wait(asker_has_verdict, asker));
	return atomic_load(&asker->verdict);
}

#endif
