#include "client/roll.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/container.h"
#include "carry/shared.h"
#include "client/client_tunnel.h"
#include "loop/loop.h"

static void format_place(const char *host, int64_t port, char out[ROLL_TEXT_SIZE])
{
	snprintf(out, ROLL_TEXT_SIZE, strchr(host, ':') ? "[%.230s]:%lld" : "%.230s:%lld", host,
	         (long long)port);
}

static void format_service(const struct tunnel_settings *settings, char out[ROLL_TEXT_SIZE])
{
	if (settings->local_path)
		snprintf(out, ROLL_TEXT_SIZE, "unix:%.230s", settings->local_path);
	else
		format_place(settings->local_host, settings->local_port, out);
}

/* At least 1. */
static int64_t pause_left_ms(const struct session *session)
{
	ev_timer pause = session->pause;
	double left_s = ev_timer_remaining(loop_ev(session->worker->loop), &pause);

	return left_s > 0.001 ? (int64_t)(left_s * 1000) : 1;
}

/* What only the first worker knows. */
static void describe_session(const struct session *session, struct roll_row *row)
{
	const struct client_worker *worker = session->worker;
	const struct tunnel_settings *settings = session->tunnel;
	const struct client_server *server = servers_at(&worker->shared->servers,
	                                                session->uplink.server.index);
	int64_t now_ms = loop_now_ms(worker->loop);

	row->state = session_state_name(session);
	row->at = session->state;
	snprintf(row->name, sizeof row->name, "%s", settings->name);
	format_service(settings, row->local);
	row->port = session->retry.last_port;
	if (session->state == SESSION_STANDING) {
		snprintf(row->server, sizeof row->server, "%s", server->name);
		format_place(server->host, row->port, row->public_at);
		row->age_ms = now_ms - session->stands_since_ms;
		if (session->refused_ms) {
			snprintf(row->refused_why, sizeof row->refused_why, "%s",
			         session->refused_why);
			row->refused_age_ms = clock_ms() - session->refused_ms;
		}
	}
	if (session->state == SESSION_PAUSED)
		row->retry_in_ms = pause_left_ms(session);
	if (session->lost_ms) {
		snprintf(row->lost_why, sizeof row->lost_why, "%s", session->lost_why);
		row->lost_age_ms = now_ms - session->lost_ms;
	}
}

static void describe_service(const struct health *health, struct roll_row *row)
{
	int64_t now_ms = loop_now_ms(health->loop);

	row->is_checked = health->is_checked;
	row->is_down = health->is_down;
	row->service_age_ms = now_ms - health->since_ms;
	if (health->failed_ms) {
		snprintf(row->service_why, sizeof row->service_why, "%s", health->why);
		row->service_why_age_ms = now_ms - health->failed_ms;
	}
}

struct roll *roll_make(const struct client_worker *worker)
{
	struct roll *roll;
	size_t n = 0;

	for (const struct list *i = worker->pools.next; i != &worker->pools; i = i->next)
		n++;
	roll = calloc(1, sizeof *roll + n * sizeof *roll->rows);
	if (!roll)
		return NULL;
	for (const struct list *i = worker->pools.next; i != &worker->pools; i = i->next) {
		const struct ahead_pool *pool = CONTAINER_OF(i, struct ahead_pool, node);
		struct roll_row *row = &roll->rows[roll->n++];

		*row = (struct roll_row){ .tunnel = pool->users, .tally = pool->tally };
		if (loop_index(worker->loop) == 0) {
			const struct client_tunnel *tunnel = CONTAINER_OF(
				pool->users, struct client_tunnel, users);

			describe_session(client_tunnel_speaker(tunnel), row);
			describe_service(&tunnel->health, row);
		}
	}
	return roll;
}
