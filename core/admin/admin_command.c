#include "admin/admin_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin_lists.h"
#include "admin/admin_status.h"
#include "base/text.h"
#include "config/config.h"
#include "log/log.h"
#include "log/logline.h"
#include "loop/survey.h"
#include "process/drain.h"
#include "process/reload.h"
#include "process/runtime.h"
#include "server/census.h"
#include "server/server.h"
#include "json/jsonout.h"

enum { WAIT_MS = 1000, MOST_ROWS = 10000 };

struct admin_verb {
	const char *name, *argument; /* NULL: it takes none */
	bool asks;                   /* the workers, for ... */
	unsigned what;               /* ... CENSUS_* */
	/* Writes the members of the answer. The survey is NULL unless it asks. */
	void (*write)(struct admin_command *command, const char *argument,
	              const struct survey *survey, struct jsonout *json);
};

static void write_error(struct jsonout *json, const char *what, const char *about)
{
	char text[400];

	snprintf(text, sizeof text, "%s%s", what, about);
	jsonout_text(json, "error", text);
}

static unsigned n_workers(const struct admin_command *command)
{
	return command->host->runtime->n_workers;
}

/* ---- what shows ---- */

static void write_status(struct admin_command *command, const char *unused,
                         const struct survey *survey, struct jsonout *json)
{
	(void)unused;
	admin_status_write(command->host, survey, json);
}

static void write_tunnels(struct admin_command *command, const char *unused,
                          const struct survey *survey, struct jsonout *json)
{
	(void)unused;
	admin_tunnels_write(survey, n_workers(command), MOST_ROWS, json);
}

static void write_relays(struct admin_command *command, const char *unused,
                         const struct survey *survey, struct jsonout *json)
{
	(void)unused;
	admin_relays_write(survey, n_workers(command), MOST_ROWS, json);
}

static void write_loops(struct admin_command *command, const char *unused,
                        const struct survey *survey, struct jsonout *json)
{
	(void)unused;
	admin_loops_write(survey, n_workers(command), command->host->runtime->main_loop, json);
}

static void write_plugins(struct admin_command *command, const char *unused,
                          const struct survey *no_survey, struct jsonout *json)
{
	(void)unused;
	(void)no_survey;
	admin_plugins_write(command->host->runtime, json);
}

/* ---- what acts ---- */

static void write_kick(struct admin_command *command, const char *argument,
                       const struct survey *survey, struct jsonout *json)
{
	unsigned tunnels = 0, relays = 0;

	for (unsigned i = 0; i < n_workers(command); i++) {
		const struct census *census = survey_answer(survey, i);

		tunnels += census ? census->tunnels_ended : 0;
		relays += census ? census->relays_ended : 0;
	}
	if (tunnels + relays == 0)
		write_error(json, "there is no tunnel and no visitor with the id ", argument);
	else
		log_warn("ended by the operator", log_int("id", (int64_t)command->id),
		         log_int("tunnels", tunnels), log_int("visitors", relays));
	jsonout_int(json, "tunnels_ended", tunnels);
	jsonout_int(json, "visitors_ended", relays);
	admin_silent_write(survey, n_workers(command), json);
}

static void write_drain(struct admin_command *command, const char *unused,
                        const struct survey *no_survey, struct jsonout *json)
{
	(void)unused;
	(void)no_survey;
	jsonout_bool(json, "was_draining", !drain_ask(command->host->drain));
	jsonout_int(json, "timeout_ms", atomic_load(&command->host->drain->timeout_ms));
}

static void write_log_level(struct admin_command *command, const char *argument,
                            const struct survey *no_survey, struct jsonout *json)
{
	int level = LOG_ERROR;

	(void)command;
	(void)no_survey;
	while (level >= 0 && strcmp(logline_level_name((enum log_level)level), argument) != 0)
		level--;
	if (level < 0) {
		write_error(json, "expected trace, debug, info, warn or error, found ", argument);
		return;
	}
	jsonout_text(json, "was", logline_level_name(log_get_level()));
	jsonout_text(json, "is", argument);
	log_set_level((enum log_level)level);
	/* At the old level or the new one it may be silent; that somebody turned it is worth a
	 * line. */
	log_warn("log level changed by the operator", log_str("level", argument));
}

static void write_changes(const struct changes *changes, struct jsonout *json)
{
	jsonout_begin(json, "changes", '[');
	for (size_t i = 0; i < changes->n; i++) {
		const struct change *change = &changes->items[i];

		jsonout_begin(json, NULL, '{');
		jsonout_text(json, "key", change->pointer);
		jsonout_text(json, "from", change->from);
		jsonout_text(json, "to", change->to);
		jsonout_text(json, "holds", changes_kind_name(change->kind));
		jsonout_end(json, '}');
	}
	jsonout_end(json, ']');
}

static void write_reload(struct admin_command *command, const char *unused,
                         const struct survey *no_survey, struct jsonout *json)
{
	struct reload_answer answer;

	(void)unused;
	(void)no_survey;
	reload_now(command->host->reload, &answer);
	if (!answer.swapped) {
		write_error(json, "reload refused, all stays as it was", "");
		jsonout_text(json, "mistakes", answer.mistakes);
	}
	write_changes(&answer.changes, json);
	jsonout_int(json, "generation", command->host->runtime->generation);
	reload_answer_fini(&answer);
}

/* ---- one command ---- */

/* A table, aligned by hand. */
/* clang-format off */
static const struct admin_verb verbs[] = {
	{ "status",    NULL,    true,  0,                              write_status },
	{ "tunnels",   NULL,    true,  CENSUS_TUNNELS,                 write_tunnels },
	{ "relays",    NULL,    true,  CENSUS_TUNNELS | CENSUS_RELAYS, write_relays },
	{ "kick",      "ID",    true,  0,                              write_kick },
	{ "reload",    NULL,    false, 0,                              write_reload },
	{ "drain",     NULL,    false, 0,                              write_drain },
	{ "log-level", "LEVEL", false, 0,                              write_log_level },
	{ "plugins",   NULL,    false, 0,                              write_plugins },
	{ "loops",     NULL,    true,  0,                              write_loops },
};
/* clang-format on */

struct answer {
	char *text;
	size_t len;
	FILE *out;
	struct jsonout json;
};

/* The stream is NULL when memory is out; then everything is lost, quietly. */
static void begin_answer(struct answer *answer)
{
	*answer = (struct answer){ 0 };
	answer->out = open_memstream(&answer->text, &answer->len);
	answer->json.out = answer->out;
	if (answer->out)
		jsonout_begin(&answer->json, NULL, '{');
}

static void end_answer(struct admin_command *command, struct answer *answer)
{
	bool good = answer->out != NULL;

	if (good) {
		jsonout_end(&answer->json, '}');
		good = !ferror(answer->out);
		good = fclose(answer->out) == 0 && good;
	}
	if (!good) {
		free(answer->text);
		answer->text = NULL;
		log_error("admin command not answered: out of memory", log_str("command", "any"));
	}
	command->on_answer(command, answer->text, answer->len);
}

static void refuse(struct admin_command *command, const char *what, const char *about)
{
	struct answer answer;

	begin_answer(&answer);
	if (answer.out)
		write_error(&answer.json, what, about);
	end_answer(command, &answer);
}

static void answer_with(struct admin_command *command, const char *argument,
                        const struct survey *survey)
{
	struct answer answer;

	begin_answer(&answer);
	if (answer.out)
		command->verb->write(command, argument, survey, &answer.json);
	end_answer(command, &answer);
}

static void on_survey(struct survey *survey, void *arg)
{
	struct admin_command *command = arg;
	char id[24];

	command->survey = NULL;
	snprintf(id, sizeof id, "%llu", (unsigned long long)command->id);
	answer_with(command, id, survey);
}

static void ask_workers(struct admin_command *command)
{
	struct census_question question = { command->verb->what, MOST_ROWS, command->id };

	command->survey = server_ask(command->host->server, &question, WAIT_MS, on_survey, command);
	if (!command->survey)
		refuse(command, "out of memory", "");
}

static const struct admin_verb *find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	}
	return NULL;
}

static bool is_id(const char *text, uint64_t *id_out)
{
	return text_to_uint(text, strlen(text), INT64_MAX, id_out) && *id_out > 0;
}

void admin_command_start(struct admin_command *command, const struct admin_host *host, char *line,
                         void (*on_answer)(struct admin_command *command, char *text, size_t len))
{
	static const char blanks[] = " \t\r";
	char *rest = line, *name = strtok_r(line, blanks, &rest);
	const char *argument = name ? strtok_r(NULL, blanks, &rest) : NULL;
	const char *more = argument ? strtok_r(NULL, blanks, &rest) : NULL;
	const struct admin_verb *verb = name ? find_verb(name) : NULL;

	*command = (struct admin_command){ .host = host, .verb = verb, .on_answer = on_answer };
	if (!verb)
		refuse(command, "unknown command ", name ? name : "\"\"");
	else if (verb->argument && !argument)
		refuse(command, "expected one more word: ", verb->argument);
	else if (more || (argument && !verb->argument))
		refuse(command, "unexpected word ", more ? more : argument);
	else if (verb->asks && argument && !is_id(argument, &command->id))
		refuse(command, "expected an id, as `spore ctl tunnels` shows it, found ",
		       argument);
	else if (verb->asks)
		ask_workers(command);
	else
		answer_with(command, argument, NULL);
}

void admin_command_forget(struct admin_command *command)
{
	if (command->survey)
		survey_forget(command->survey);
	command->survey = NULL;
}
