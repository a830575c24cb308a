#include "admin/admin_command.h"

#include <stdio.h>
#include <string.h>

#include "admin/admin_actions.h"
#include "admin/admin_answer.h"
#include "admin/admin_bans.h"
#include "admin/admin_client.h"
#include "admin/admin_lists.h"
#include "admin/admin_status.h"
#include "admin/admin_trial.h"
#include "base/container.h"
#include "base/text.h"
#include "client/client.h"
#include "loop/survey.h"
#include "process/runtime.h"
#include "server/census.h"
#include "server/server.h"

enum { SURVEY_WAIT_MS = 1000 };

struct admin_verb {
	const char *name;
	const char *argument; /* its name in error messages; NULL: the command takes none */
	bool asks_workers;    /* for a census, which lists `listed` */
	bool reloads;         /* answered when a reload has ended */
	unsigned listed;      /* CENSUS_* */
	/* Writes the members of the answer. NULL: the command hands over. */
	void (*write)(const struct admin_query *query, struct jsonout *json);
	/* The same for a client. NULL: a client has nothing like it, or it hands over, too. */
	void (*write_for_client)(const struct admin_query *query, struct jsonout *json);
};

/* clang-format off */
static const struct admin_verb verbs[] = {
	{ "status",    NULL,      true,  false, 0,              admin_status_write, admin_status_write },
	{ "tunnels",   NULL,      true,  false, CENSUS_TUNNELS, admin_tunnels_write, admin_client_tunnels_write },
	{ "relays",    NULL,      true,  false, CENSUS_RELAYS,  admin_relays_write, NULL },
	{ "loops",     NULL,      true,  false, 0,              admin_loops_write, NULL },
	{ "plugins",   NULL,      false, false, 0,              admin_plugins_write, admin_plugins_write },
	{ "kick",      "TARGET",  true,  false, 0,              admin_kick_write, NULL },
	{ "bans",      NULL,      false, false, 0,              admin_bans_write, NULL },
	{ "unban",     "ADDRESS", false, false, 0,              admin_unban_write, NULL },
	{ "log-level", "LEVEL",   false, false, 0,              admin_log_level_write, admin_log_level_write },
	{ "reload",    NULL,      false, true,  0,              admin_reload_write, admin_reload_write },
	{ "drain",     NULL,      false, false, 0,              admin_drain_write, admin_drain_write },
	{ "hand-over", NULL,      false, false, 0,              NULL, NULL },
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

static bool is_of_client(const struct admin_command *command)
{
	return admin_host_is_client(command->query.host);
}

static void answer_query(struct admin_command *command)
{
	const struct admin_verb *verb = command->verb;
	struct admin_answer answer;

	admin_answer_begin(&answer);
	if (answer.json.out && verb->write)
		(is_of_client(command) ? verb->write_for_client : verb->write)(&command->query,
		                                                               &answer.json);
	else if (answer.json.out)
		command->is_last = admin_hand_over_write(&command->query, &answer.json);
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
		                                  command->query.kick };
	const struct admin_host *host = command->query.host;

	if (is_of_client(command))
		command->survey = client_ask(host->client, SURVEY_WAIT_MS, on_survey, command);
	else
		command->survey = server_ask(host->server, &question, SURVEY_WAIT_MS, on_survey,
		                             command);
	if (!command->survey)
		refuse(command, "out of memory", "");
}

static void on_opened(struct opening *opening, const struct roll *roll)
{
	struct admin_command *command = CONTAINER_OF(opening, struct admin_command, opening);

	if (roll)
		admin_client_opening_write(roll, &command->begun.json);
	finish(command, &command->begun);
}

/* The reload is good. Which tunnels the server refuses is known a little later. */
static void await_tunnels(struct admin_command *command)
{
	admin_answer_begin(&command->begun);
	if (command->begun.json.out)
		command->verb->write_for_client(&command->query, &command->begun.json);
	command->opening.done = on_opened;
	if (!command->begun.json.out ||
	    !opening_start(&command->opening, command->query.host->client,
	                   command->query.host->runtime->main_loop))
		on_opened(&command->opening, NULL);
}

static void on_reloaded(struct reload_request *request, const struct reload_answer *answer)
{
	struct admin_command *command = CONTAINER_OF(request, struct admin_command, request);

	command->awaits_reload = false;
	command->query.reload = answer;
	if (answer->swapped && is_of_client(command))
		await_tunnels(command);
	else
		answer_query(command);
}

static void ask_for_reload(struct admin_command *command)
{
	command->request.done = on_reloaded;
	command->awaits_reload = true;
	reload_ask(command->query.host->reload, &command->request);
}

static void refuse_client(struct admin_command *command, const char *name)
{
	refuse(command, "this is a client: only a server has the command ", name);
}

/* ---- the auth chain ---- */

static void ask_for_challenge(struct admin_command *command, char *rest)
{
	bool secure = strcmp(rest, "secure") == 0;
	struct admin_answer answer;

	if (!secure && strcmp(rest, "insecure") != 0) {
		refuse(command, "expected secure or insecure, found ", rest);
		return;
	}
	admin_answer_begin(&answer);
	if (answer.json.out)
		admin_trial_write_challenge(command->query.host->runtime->plugins.set, secure,
		                            &answer.json);
	finish(command, &answer);
}

static void on_trial(void *arg, const struct trial_report *report)
{
	struct admin_command *command = arg;
	struct plugin_set *set = command->set;
	struct admin_answer answer;

	command->trial = NULL;
	command->set = NULL;
	admin_answer_begin(&answer);
	if (answer.json.out)
		admin_trial_write(report, set->config, &answer.json);
	plugin_set_unref(set);
	finish(command, &answer);
}

static void ask_chain(struct admin_command *command, char *rest)
{
	const struct runtime *runtime = command->query.host->runtime;
	struct admin_trial_question question;
	bool is_good = admin_trial_read(rest, &question);
	struct trial_plan plan = admin_trial_plan(&question, runtime->plugins.set);

	plan.home = runtime->main_loop;
	plan.loop = runtime->loops[0];
	plan.done = on_trial;
	plan.arg = command;
	if (is_good)
		command->trial = trial_start(&plan);
	crypto_wipe(&question, sizeof question);
	if (command->trial)
		command->set = plugin_set_ref(runtime->plugins.set);
	else
		refuse(command,
		       is_good ? "out of memory" : "expected a question of spore auth test", "");
}

/* ---- upgrade ---- */

static void write_upgrade(const struct upgrade_answer *upgrade, struct jsonout *json)
{
	if (upgrade->error) {
		admin_error_write(json, "not upgraded: ", upgrade->error);
		return;
	}
	jsonout_text(json, "program", upgrade->program);
	jsonout_text(json, "version", upgrade->version);
	jsonout_int(json, "pid", upgrade->pid);
}

static void on_upgraded(struct upgrade_request *request, const struct upgrade_answer *upgrade)
{
	struct admin_command *command = CONTAINER_OF(request, struct admin_command,
	                                             upgrade_request);
	struct admin_answer answer;

	command->awaits_upgrade = false;
	admin_answer_begin(&answer);
	if (answer.json.out)
		write_upgrade(upgrade, &answer.json);
	finish(command, &answer);
}

/* The path may contain blanks. */
static void ask_for_upgrade(struct admin_command *command, char *rest)
{
	struct upgrade *upgrade = command->query.host->upgrade;

	if (!upgrade) {
		refuse(command, "this server cannot be upgraded", "");
		return;
	}
	command->upgrade_request.done = on_upgraded;
	command->awaits_upgrade = true;
	rest += strspn(rest, " \t");
	upgrade_ask(upgrade, *rest ? rest : NULL, &command->upgrade_request);
}

/* ---- commands that read what follows their names by themselves ---- */

static const struct {
	const char *name;
	void (*ask)(struct admin_command *command, char *rest);
} readers[] = {
	{ "auth-challenge", ask_for_challenge },
	{ "auth-test", ask_chain },
	{ "upgrade", ask_for_upgrade },
};

/* False: the command is not one of these. */
static bool ask_reader(struct admin_command *command, const char *name, char *rest)
{
	for (size_t i = 0; i < sizeof readers / sizeof *readers; i++) {
		if (strcmp(readers[i].name, name) != 0)
			continue;
		if (is_of_client(command))
			refuse_client(command, name);
		else
			readers[i].ask(command, rest);
		return true;
	}
	return false;
}

/* ---- the command line ---- */

static const char blanks[] = " \t\r";

/* Reads the argument of `kick`, and keeps a copy: the operator's line does not outlive
 * admin_command_start, but the workers answer later. */
static bool take_kick(struct admin_command *command)
{
	struct admin_query *query = &command->query;

	if (!kick_parse(query->argument, &query->kick))
		return false;
	snprintf(command->argument, sizeof command->argument, "%s", query->argument);
	query->argument = command->argument;
	return true;
}

/* Cuts the next word from the rest. An identity may contain blanks, so it is all of the rest,
 * without blanks at its end. */
static char *cut_argument(char **rest)
{
	char *start = *rest + strspn(*rest, blanks);
	size_t len = strlen(start);

	if (strncmp(start, KICK_IDENTITY, strlen(KICK_IDENTITY)) != 0)
		return strtok_r(NULL, blanks, rest);
	while (strchr(blanks, start[len - 1])) /* ends at the last byte of KICK_IDENTITY */
		start[--len] = '\0';
	*rest = start + len;
	return start;
}

static void run_verb(struct admin_command *command, char *rest)
{
	const struct admin_verb *verb = command->verb;
	const char *argument = cut_argument(&rest);
	const char *more = argument ? strtok_r(NULL, blanks, &rest) : NULL;

	command->query.argument = argument;
	if (is_of_client(command) && verb->write && !verb->write_for_client)
		refuse_client(command, verb->name);
	else if (verb->argument && !argument)
		refuse(command, "missing argument: ", verb->argument);
	else if (more || (argument && !verb->argument))
		refuse(command, "unexpected argument ", more ? more : argument);
	else if (verb->asks_workers && argument && !take_kick(command))
		refuse(command,
		       "expected an id as shown by `spore ctl tunnels`, port=PORT or "
		       "identity=NAME, found ",
		       argument);
	else if (verb->asks_workers)
		ask_workers(command);
	else if (verb->reloads)
		ask_for_reload(command);
	else
		answer_query(command);
}

void admin_command_start(struct admin_command *command, const struct admin_host *host, char *line,
                         void (*on_answer)(struct admin_command *command, char *text, size_t len))
{
	char *rest = line, *name = strtok_r(line, blanks, &rest);
	const struct admin_verb *verb = name ? find_verb(name) : NULL;

	*command = (struct admin_command){ .verb = verb,
		                           .query = { .host = host },
		                           .on_answer = on_answer };
	if (verb)
		run_verb(command, rest);
	else if (!name || !ask_reader(command, name, rest))
		refuse(command, "unknown command ", name ? name : "\"\"");
}

void admin_command_forget(struct admin_command *command)
{
	if (command->survey)
		survey_forget(command->survey);
	if (command->awaits_reload)
		reload_forget(&command->request);
	opening_forget(&command->opening);
	admin_answer_drop(&command->begun);
	if (command->awaits_upgrade)
		upgrade_forget(command->query.host->upgrade, &command->upgrade_request);
	if (command->trial)
		trial_forget(command->trial);
	plugin_set_unref(command->set);
	command->trial = NULL;
	command->set = NULL;
	command->survey = NULL;
	command->awaits_reload = command->awaits_upgrade = false;
}
