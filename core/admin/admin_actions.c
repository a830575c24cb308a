#include "admin/admin_actions.h"

#include <string.h>

#include "admin/admin_answer.h"
#include "admin/admin_lists.h"
#include "admin/admin_query.h"
#include "log/log.h"
#include "log/logline.h"
#include "loop/survey.h"
#include "process/drain.h"
#include "process/runtime.h"
#include "reload/reload_answer.h"
#include "server/census.h"

void admin_kick_write(const struct admin_query *query, struct jsonout *json)
{
	unsigned n_workers = query->host->runtime->n_workers, tunnels = 0, visitors = 0;

	for (unsigned i = 0; i < n_workers; i++) {
		const struct census *census = survey_answer(query->survey, i);

		tunnels += census ? census->tunnels_ended : 0;
		visitors += census ? census->relays_ended : 0;
	}
	if (tunnels + visitors == 0)
		admin_error_write(json, "no tunnel or visitor has the id ", query->argument);
	else
		log_warn("ended by the operator", log_int("id", (int64_t)query->id),
		         log_int("tunnels", tunnels), log_int("visitors", visitors));
	jsonout_int(json, "tunnels_ended", tunnels);
	jsonout_int(json, "visitors_ended", visitors);
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
		jsonout_text(json, "holds", changes_kind_name(change->kind));
		jsonout_end(json, '}');
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
	jsonout_int(json, "generation", query->host->runtime->plugins.generation);
}

/* ---- drain and log-level ---- */

void admin_drain_write(const struct admin_query *query, struct jsonout *json)
{
	struct drain *drain = query->host->drain;

	jsonout_bool(json, "was_draining", !drain_ask(drain));
	jsonout_int(json, "timeout_ms", drain_timeout(drain));
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
