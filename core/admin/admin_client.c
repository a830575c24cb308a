#include "admin/admin_client.h"

#include "admin/admin_lists.h"
#include "admin/admin_query.h"
#include "client/client.h"
#include "client/opening.h"
#include "client/roll.h"
#include "loop/survey.h"
#include "process/runtime.h"

/* The worker that knows the state of the tunnels. NULL: it has not answered. */
static const struct roll *first_roll(const struct admin_query *query)
{
	return survey_answer(query->survey, 0);
}

/* ---- the server ---- */

static void write_configured(const struct client_settings *settings, struct jsonout *json)
{
	jsonout_begin(json, "servers", '[');
	for (size_t i = 0; i < settings->n_servers; i++)
		jsonout_text(json, NULL, settings->servers[i].name);
	jsonout_end(json, ']');
}

/* The tunnel that has stood for longest. NULL: none stands. */
static const struct roll_row *find_oldest(const struct roll *roll)
{
	const struct roll_row *oldest = NULL;

	for (size_t i = 0; roll && i < roll->n; i++) {
		const struct roll_row *row = &roll->rows[i];

		if (row->server[0] && (!oldest || row->age_ms > oldest->age_ms))
			oldest = row;
	}
	return oldest;
}

void admin_client_servers_write(const struct admin_query *query, struct jsonout *json)
{
	const struct roll_row *oldest = find_oldest(first_roll(query));

	write_configured(client_servers(query->host->client), json);
	jsonout_text(json, "server", oldest ? oldest->server : NULL);
	jsonout_int(json, "connected_ms", oldest ? oldest->age_ms : 0);
}

/* ---- the tunnels ---- */

/* Sums up what all workers have counted for the tunnel of this index. Each worker lists the tunnels
 * in the same order, except in the moment of a reload. */
static struct ahead_tally sum_up(const struct admin_query *query, size_t index)
{
	const struct roll_row *row = &first_roll(query)->rows[index];
	struct ahead_tally sum = { 0 };

	for (unsigned i = 0; i < query->host->runtime->n_workers; i++) {
		const struct roll *roll = survey_answer(query->survey, i);
		const struct ahead_tally *tally;

		if (!roll || index >= roll->n || roll->rows[index].tunnel != row->tunnel)
			continue;
		tally = &roll->rows[index].tally;
		sum.visitors += tally->visitors;
		sum.now += tally->now;
		sum.up += tally->up;
		sum.down += tally->down;
	}
	return sum;
}

/* null if there is no reason. */
static void write_event(const char *key, const char *why, int64_t age_ms, struct jsonout *json)
{
	if (!*why) {
		jsonout_text(json, key, NULL);
		return;
	}
	jsonout_begin(json, key, '{');
	jsonout_text(json, "error", why);
	jsonout_int(json, "age_ms", age_ms);
	jsonout_end(json, '}');
}

/* null for a service that is not checked. */
static void write_service(const struct roll_row *row, struct jsonout *json)
{
	const char *state = row->is_down ? "down" : "up";

	jsonout_text(json, "service", row->is_checked ? state : NULL);
	jsonout_int(json, "service_age_ms", row->is_checked ? row->service_age_ms : 0);
	write_event("service_error", row->is_checked ? row->service_why : "",
	            row->service_why_age_ms, json);
}

static void write_row(const struct roll_row *row, const struct ahead_tally *tally,
                      struct jsonout *json)
{
	jsonout_begin(json, NULL, '{');
	jsonout_text(json, "name", row->name);
	jsonout_text(json, "local", row->local);
	jsonout_text(json, "public", row->public_at[0] ? row->public_at : NULL);
	jsonout_int(json, "port", row->port);
	jsonout_text(json, "state", row->state);
	jsonout_text(json, "server", row->server[0] ? row->server : NULL);
	jsonout_int(json, "age_ms", row->age_ms);
	jsonout_int(json, "retry_in_ms", row->retry_in_ms);
	jsonout_int(json, "visitors", tally->now);
	jsonout_int(json, "visitors_all", (int64_t)tally->visitors);
	jsonout_int(json, "bytes_up", (int64_t)tally->up);
	jsonout_int(json, "bytes_down", (int64_t)tally->down);
	write_service(row, json);
	write_event("last_error", row->lost_why, row->lost_age_ms, json);
	write_event("refused", row->refused_why, row->refused_age_ms, json);
	jsonout_end(json, '}');
}

static void write_rows(const struct admin_query *query, const char *key, struct jsonout *json)
{
	const struct roll *roll = first_roll(query);
	size_t n = roll ? roll->n : 0;

	jsonout_int(json, "all", (int64_t)n);
	jsonout_begin(json, key, '[');
	for (size_t i = 0; i < n && i < ADMIN_MAX_ROWS; i++) {
		struct ahead_tally tally = sum_up(query, i);

		write_row(&roll->rows[i], &tally, json);
	}
	jsonout_end(json, ']');
}

/* The bytes that visitors of the listed tunnels have sent and received. */
static int64_t sum_bytes(const struct admin_query *query)
{
	const struct roll *roll = first_roll(query);
	int64_t sum = 0;

	for (size_t i = 0; roll && i < roll->n; i++) {
		struct ahead_tally tally = sum_up(query, i);

		sum += (int64_t)(tally.up + tally.down);
	}
	return sum;
}

void admin_client_status_write(const struct admin_query *query, struct jsonout *json)
{
	const struct client *client = query->host->client;

	jsonout_int(json, "visitors", client_visitors(client));
	jsonout_int(json, "max_visitors", client_room(client));
	jsonout_int(json, "bytes", sum_bytes(query));
	write_rows(query, "each_tunnel", json);
}

void admin_client_tunnels_write(const struct admin_query *query, struct jsonout *json)
{
	jsonout_text(json, "role", "client");
	write_rows(query, "tunnels", json);
	admin_silent_write(query->survey, query->host->runtime->n_workers, json);
}

/* NULL: there is no answer yet. */
static const char *find_reason(const struct roll_row *row)
{
	if (row->lost_why[0])
		return row->lost_why;
	return row->is_down && row->service_why[0] ? row->service_why : NULL;
}

void admin_client_opening_write(const struct roll *roll, struct jsonout *json)
{
	size_t n_open = 0, n_listed = 0;

	jsonout_begin(json, "tunnels_not_open", '[');
	for (size_t i = 0; i < roll->n; i++) {
		const struct roll_row *row = &roll->rows[i];

		n_open += opening_stands(row);
		if (opening_stands(row) || n_listed++ >= ADMIN_MAX_ROWS)
			continue;
		jsonout_begin(json, NULL, '{');
		jsonout_text(json, "name", row->name);
		jsonout_text(json, "state", row->state);
		jsonout_text(json, "error", find_reason(row));
		jsonout_end(json, '}');
	}
	jsonout_end(json, ']');
	jsonout_int(json, "tunnels_open", (int64_t)n_open);
}
