#include "admin/admin_actions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin_answer.h"
#include "admin/admin_lists.h"
#include "admin/admin_query.h"
#include "base/text.h"
#include "host/listeners.h"
#include "keep/keeper.h"
#include "keep/kept_ports.h"
#include "log/log.h"
#include "log/logline.h"
#include "loop/survey.h"
#include "process/drain.h"
#include "process/runtime.h"
#include "reload/reload_answer.h"
#include "server/census.h"
#include "server/server.h"
#include "usage/usage.h"

/* ---- kick ---- */

/* Logs the port and the identity of what has ended only if all of it has the same. */
static void log_kick(const struct kick *kick, const struct kicked *kicked)
{
	struct log_field fields[5];
	size_t n = 0;

	if (kick->id)
		fields[n++] = log_int("id", (int64_t)kick->id);
	if (kicked->port)
		fields[n++] = log_int("port", kicked->port);
	if (kicked->identity[0])
		fields[n++] = log_str("identity", kicked->identity);
	fields[n++] = log_int("tunnels", kicked->tunnels);
	fields[n++] = log_int("visitors", kicked->relays);
	log_event(LOG_INFO, "ended by the operator", fields, n);
}

/* The identity that an operator probably means. */
struct guess {
	const char *wanted;
	char meant[SPORE_IDENTITY_MAX + 1]; /* "": nobody's is similar */
};

static void guess_identity(struct usage *usage, void *arg)
{
	struct guess *guess = arg;
	/* The nearer of two, and the first of two that are equally near. */
	const char *names[] = { guess->meant, usage->identity };
	const char *nearer = text_suggest(guess->wanted, names, 2);

	if (usage->refs > 0 && nearer == usage->identity)
		snprintf(guess->meant, sizeof guess->meant, "%s", usage->identity);
}

static void refuse_kick(const struct admin_query *query, struct jsonout *json)
{
	struct guess guess = { .wanted = query->kick.identity };
	char text[2 * sizeof guess.meant + 60];

	if (query->kick.id) {
		admin_error_write(json, "no tunnel or visitor has the id ", query->argument);
		return;
	}
	if (*guess.wanted)
		usage_table_each(server_usage(query->host->server), guess_identity, &guess);
	snprintf(text, sizeof text, *guess.meant ? "%s: did you mean " KICK_IDENTITY "%s?" : "%s",
	         query->argument, guess.meant);
	admin_error_write(json, "no tunnel or visitor has ", text);
}

void admin_kick_write(const struct admin_query *query, struct jsonout *json)
{
	unsigned n_workers = query->host->runtime->n_workers;
	struct kicked kicked = { 0 };

	for (unsigned i = 0; i < n_workers; i++) {
		const struct census *census = survey_answer(query->survey, i);

		if (census)
			kicked_add(&kicked, &census->kicked);
	}
	if (kicked.tunnels + kicked.relays == 0)
		refuse_kick(query, json);
	else
		log_kick(&query->kick, &kicked);
	jsonout_int(json, "tunnels_ended", kicked.tunnels);
	jsonout_int(json, "visitors_ended", kicked.relays);
	admin_silent_write(query->survey, n_workers, json);
}

/* ---- reload ---- */

static void write_changes(const struct changes *changes, struct jsonout *json)
{
	jsonout_begin(json, "changes", '[');
	for (size_t i = 0; i < changes->n; i++) {
		const struct change *change = &changes->items[i];

		jsonout_begin(json, NULL, '{');
		jsonout_text(json, "key", change->pointer);
		jsonout_text(json, "from", change->from);
		jsonout_text(json, "to", change->to);
		jsonout_bool(json, "from_is_default", change->from_is_default);
		jsonout_bool(json, "to_is_default", change->to_is_default);
		jsonout_text(json, "holds", changes_kind_name(change->kind));
		jsonout_end(json, '}');
	}
	jsonout_end(json, ']');
}

/* Writes an array of the lines. */
static void write_warnings(const char *lines, struct jsonout *json)
{
	jsonout_begin(json, "warnings", '[');
	while (lines && *lines) {
		size_t len = strcspn(lines, "\n");
		char *line = strndup(lines, len);

		jsonout_text(json, NULL, line);
		free(line);
		lines += len + (lines[len] == '\n');
	}
	jsonout_end(json, ']');
}

void admin_reload_write(const struct admin_query *query, struct jsonout *json)
{
	const struct reload_answer *answer = query->reload;

	if (!answer->swapped) {
		admin_error_write(json, RELOAD_REFUSED, "");
		jsonout_text(json, "mistakes", answer->mistakes);
	}
	write_changes(&answer->changes, json);
	write_warnings(answer->warnings, json);
	jsonout_begin(json, "files", '[');
	for (size_t i = 0; i < answer->n_files; i++)
		jsonout_text(json, NULL, answer->files[i]);
	jsonout_end(json, ']');
	jsonout_int(json, "generation", query->host->runtime->plugins.generation);
}

/* ---- drain, hand-over and log-level ---- */

void admin_drain_write(const struct admin_query *query, struct jsonout *json)
{
	struct drain *drain = query->host->drain;

	jsonout_bool(json, "was_draining", !drain_ask(drain, "operator"));
	jsonout_int(json, "timeout_ms", drain_timeout(drain));
}

/* The next server runs beside this one, and gets no sockets of the service manager. It binds the
 * routed ports itself, so nobody may keep these. Idempotent. True: nobody does. */
static bool keep_no_more(const struct admin_host *host)
{
	struct notify *notify = &host->runtime->notify;

	if (keeper_is_open(host->keeper)) {
		keeper_open(host->keeper, false);
		notify_drop(notify, KEPT_ROUTED_NAME);
	}
	return notify_is_settled(notify);
}

bool admin_hand_over_write(const struct admin_query *query, struct jsonout *json)
{
	const struct admin_host *host = query->host;
	bool is_done = false;

	if (!host->drain->begun) {
		admin_error_write(json,
		                  admin_host_is_client(host) ? "the client does not drain"
		                                             : "the server does not drain",
		                  "");
		return false;
	}
	if (admin_host_is_client(host) || (keep_no_more(host) && server_has_left(host->server)))
		is_done = plugins_end_exporters(&host->runtime->plugins) && listeners_count() == 0;
	if (is_done)
		log_info("handed over: another process takes the admin socket and the exporters");
	jsonout_bool(json, "handed_over", is_done);
	return is_done;
}

/* -1: no level has that name. */
static int find_level(const char *name)
{
	int level = LOG_ERROR;

	while (level >= 0 && strcmp(logline_level_name((enum log_level)level), name) != 0)
		level--;
	return level;
}

void admin_log_level_write(const struct admin_query *query, struct jsonout *json)
{
	int level = find_level(query->argument);

	if (level < 0) {
		admin_error_write(json, "expected trace, debug, info, warn or error, found ",
		                  query->argument);
		return;
	}
	jsonout_text(json, "was", logline_level_name(log_get_level()));
	jsonout_text(json, "is", query->argument);
	log_set_level((enum log_level)level);
	log_warn("log level changed by the operator", log_str("level", query->argument));
}
