#include "admin/admin_command.h"

#include <stdio.h>
#include <string.h>

#include "admin/admin_actions.h"
#include "admin/admin_answer.h"
#include "admin/admin_lists.h"
#include "admin/admin_status.h"
#include "base/container.h"
#include "base/text.h"
#include "loop/survey.h"
#include "server/census.h"
#include "server/server.h"

enum { SURVEY_WAIT_MS = 1000 };

struct admin_verb {
	const char *name;
	const char *argument; /* its name in error messages; NULL: the command takes none */
	bool asks_workers;    /* for a census, which lists `listed` */
	bool reloads;         /* answered when a reload has ended */
	unsigned listed;      /* CENSUS_* */
	/* Writes the members of the answer. */
	void (*write)(const struct admin_query *query, struct jsonout *json);
};

/* clang-format off */
static const struct admin_verb verbs[] = {
	{ "status",    NULL,    true,  false, 0,                              admin_status_write },
	{ "tunnels",   NULL,    true,  false, CENSUS_TUNNELS,                 admin_tunnels_write },
	{ "relays",    NULL,    true,  false, CENSUS_TUNNELS | CENSUS_RELAYS, admin_relays_write },
	{ "loops",     NULL,    true,  false, 0,                              admin_loops_write },
	{ "plugins",   NULL,    false, false, 0,                              admin_plugins_write },
	{ "kick",      "ID",    true,  false, 0,                              admin_kick_write },
	{ "log-level", "LEVEL", false, false, 0,                              admin_log_level_write },
	{ "reload",    NULL,    false, true,  0,                              admin_reload_write },
	{ "drain",     NULL,    false, false, 0,                              admin_drain_write },
};
/* clang-format on */

static const struct admin_verb *find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	}
	return NULL;
}

/* ---- the answer ---- */

static void finish(struct admin_command *command, struct admin_answer *answer)
{
	char *text = admin_answer_end(answer);

	command->on_answer(command, text, answer->len);
}

static void refuse(struct admin_command *command, const char *what, const char *about)
{
	struct admin_answer answer;

	admin_answer_begin(&answer);
	if (answer.json.out)
		admin_error_write(&answer.json, what, about);
	finish(command, &answer);
}

static void answer_query(struct admin_command *command)
{
	struct admin_answer answer;

	admin_answer_begin(&answer);
	if (answer.json.out)
		command->verb->write(&command->query, &answer.json);
	finish(command, &answer);
}

static void on_survey(struct survey *survey, void *arg)
{
	struct admin_command *command = arg;

	command->survey = NULL;
	command->query.survey = survey;
	answer_query(command);
}

static void ask_workers(struct admin_command *command)
{
	const struct census_question question = { command->verb->listed, ADMIN_MAX_ROWS,
		                                  command->query.id };

	command->survey = server_ask(command->query.host->server, &question, SURVEY_WAIT_MS,
	                             on_survey, command);
	if (!command->survey)
		refuse(command, "out of memory", "");
}

static void on_reloaded(struct reload_request *request, const struct reload_answer *answer)
{
	struct admin_command *command = CONTAINER_OF(request, struct admin_command, request);

	command->reloads = false;
	command->query.reload = answer;
	answer_query(command);
}

static void ask_for_reload(struct admin_command *command)
{
	command->request.done = on_reloaded;
	command->reloads = true;
	reload_ask(command->query.host->reload, &command->request);
}

/* ---- the command line ---- */

/* The operator's line does not outlive admin_command_start: a command that asks the workers keeps
 * its argument as a number. */
static bool take_id(struct admin_command *command)
{
	struct admin_query *query = &command->query;

	if (!text_to_uint(query->argument, strlen(query->argument), INT64_MAX, &query->id) ||
	    query->id == 0)
		return false;
	snprintf(command->id_text, sizeof command->id_text, "%llu", (unsigned long long)query->id);
	query->argument = command->id_text;
	return true;
}

void admin_command_start(struct admin_command *command, const struct admin_host *host, char *line,
                         void (*on_answer)(struct admin_command *command, char *text, size_t len))
{
	static const char blanks[] = " \t\r";
	char *rest = line, *name = strtok_r(line, blanks, &rest);
	const char *argument = name ? strtok_r(NULL, blanks, &rest) : NULL;
	const char *more = argument ? strtok_r(NULL, blanks, &rest) : NULL;
	const struct admin_verb *verb = name ? find_verb(name) : NULL;

	*command = (struct admin_command){ .verb = verb,
		                           .query = { .host = host, .argument = argument },
		                           .on_answer = on_answer };
	if (!verb)
		refuse(command, "unknown command ", name ? name : "\"\"");
	else if (verb->argument && !argument)
		refuse(command, "missing argument: ", verb->argument);
	else if (more || (argument && !verb->argument))
		refuse(command, "unexpected argument ", more ? more : argument);
	else if (verb->asks_workers && argument && !take_id(command))
		refuse(command, "expected an id as shown by `spore ctl tunnels`, found ", argument);
	else if (verb->asks_workers)
		ask_workers(command);
	else if (verb->reloads)
		ask_for_reload(command);
	else
		answer_query(command);
}

void admin_command_forget(struct admin_command *command)
{
	if (command->survey)
		survey_forget(command->survey);
	if (command->reloads)
		reload_forget(&command->request);
	command->survey = NULL;
	command->reloads = false;
}
