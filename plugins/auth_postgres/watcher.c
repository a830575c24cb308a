#include "watcher.h"

#include <stdio.h>

#include "listing.h"

/* ---- state ---- */

static void set_hearing(struct watcher *watcher, enum hearing hearing)
{
	health_hear(&watcher->asker->shared->pipeline.health, hearing);
}

static void complain(struct watcher *watcher, const char *what, const char *why)
{
	health_log(&watcher->asker->shared->pipeline.health, SPORE_LOG_WARN, what, why);
}

/* ---- looking at all names ---- */

static void on_listed(void *arg, bool is_complete)
{
	struct watcher *watcher = arg;

	watcher->listing = NULL;
	if (!is_complete) {
		changes_deafen(&watcher->changes); /* what is held may be old */
		watcher->asker->shared->host->timer_update(watcher->poll, CHANGES_RETRY_MS,
		                                           watcher->options->poll_ms);
	}
	changes_end_list(&watcher->changes, is_complete); /* may begin the next list */
}

static bool has_channel(const struct watcher *watcher)
{
	return *watcher->options->channel != '\0';
}

static bool is_deaf(const struct watcher *watcher)
{
	return has_channel(watcher) && watcher->link.stage != LINK_READY;
}

/* Begins a walk, for changes. If it cannot hear of changes now, a new list would not make the roll
 * current, so it looks only at the names that are known. */
static void look_at_all(void *arg)
{
	struct watcher *watcher = arg;
	struct listing_order order = {
		.asker = watcher->asker,
		.changes = &watcher->changes,
		.query = watcher->options->bore_query,
		.on_end = on_listed,
		.arg = watcher,
	};

	if (!watcher->changes.keeper->keeper->roll || is_deaf(watcher)) {
		changes_note_all(&watcher->changes);
		return;
	}
	changes_begin_list(&watcher->changes);
	watcher->listing = listing_start(&order);
	if (!watcher->listing)
		on_listed(watcher, false);
}

static void on_poll(void *arg)
{
	struct watcher *watcher = arg;

	changes_poll(&watcher->changes);
}

/* ---- listening ---- */

static void on_open(void *arg)
{
	struct watcher *watcher = arg;
	const char *channel = watcher->options->channel;
	char *quoted = PQescapeIdentifier(watcher->link.conn, channel, strlen(channel));
	char text[2 * WATCHER_CHANNEL_MAX + 16];
	struct link_query query = { .text = text };

	watcher->is_refused = watcher->is_waiting = false;
	if (!quoted) {
		link_give_up(&watcher->link, "the name of the channel is not a valid text");
		return;
	}
	snprintf(text, sizeof text, "LISTEN %s", quoted);
	PQfreemem(quoted);
	link_query(&watcher->link, &query);
}

static void begin_hearing(struct watcher *watcher)
{
	link_become_ready(&watcher->link);
	watcher->is_missed = false;
	set_hearing(watcher, watcher->is_refused ? HEARING_POLLS : HEARING_AT_ONCE);
	changes_note_any(&watcher->changes);
}

/* A replica, for example, refuses LISTEN. Then the watcher only polls. */
static void take_refusal(struct watcher *watcher, const PGresult *result)
{
	const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	if (!PQresultErrorField(result, PG_DIAG_SQLSTATE)) {
		link_give_up(&watcher->link, "the connection has ended");
		return;
	}
	if (watcher->link.stage == LINK_SET_UP) {
		watcher->is_refused = true;
		complain(watcher,
		         "PostgreSQL refuses to LISTEN, so a change of a client is noticed only "
		         "every poll_interval",
		         text ? text : "");
	}
}

static void on_result(void *arg, const PGresult *result)
{
	struct watcher *watcher = arg;

	if (result) {
		if (PQresultStatus(result) == PGRES_FATAL_ERROR)
			take_refusal(watcher, result);
	} else if (watcher->link.stage == LINK_SET_UP) {
		begin_hearing(watcher);
	} else {
		watcher->is_waiting = false;
	}
}

static void on_notice(void *arg, const char *payload)
{
	struct watcher *watcher = arg;

	if (!*payload)
		changes_note_any(&watcher->changes);
	else if (strlen(payload) <= SPORE_IDENTITY_MAX)
		changes_note(&watcher->changes, payload);
}

/* True: look-ups work, but this connection cannot be made, so polling is all that is left. */
static bool only_polls(const struct watcher *watcher)
{
	return watcher->link.failures >= WATCHER_TRIES && watcher->asker->link.stage == LINK_READY;
}

static void on_lost(void *arg, const char *why, bool was_ready)
{
	struct watcher *watcher = arg;

	set_hearing(watcher, only_polls(watcher) ? HEARING_POLLS : HEARING_NOTHING);
	changes_deafen(&watcher->changes);
	if (was_ready)
		complain(watcher, "changes are not noticed for now", why);
	if (watcher->is_missed || !only_polls(watcher))
		return;
	watcher->is_missed = true;
	health_log_now(&watcher->asker->shared->pipeline.health, SPORE_LOG_WARN,
	               "look-ups work, but there is no connection for changes, which are noticed "
	               "only every poll_interval",
	               why);
}

/* ---- is it alive? ---- */

static void ping(struct watcher *watcher)
{
	static const struct link_query nothing = { .text = "" };

	if (watcher->is_waiting || watcher->link.stage != LINK_READY)
		return;
	watcher->is_waiting = true;
	watcher->pinged_ms = watcher->asker->shared->host->now_ms();
	link_query(&watcher->link, &nothing);
}

static void on_ping(void *arg)
{
	struct watcher *watcher = arg;
	struct asker_shared *shared = watcher->asker->shared;

	if (watcher->is_waiting && watcher->link.stage == LINK_READY &&
	    shared->host->now_ms() - watcher->pinged_ms >= shared->pipeline.timeout_ms)
		link_give_up(&watcher->link, "it does not reply in time (timeout)");
	ping(watcher);
}

void watcher_doubt(struct watcher *watcher)
{
	ping(watcher);
}

/* ---- start and stop ---- */

static bool start_link(struct watcher *watcher)
{
	struct asker_shared *shared = watcher->asker->shared;

	watcher->link = (struct link){
		.host = shared->host,
		.worker = watcher->asker->worker,
		.target = &shared->target,
		.connect_ms = shared->connect_ms,
		.on_open = on_open,
		.on_result = on_result,
		.on_notice = on_notice,
		.on_lost = on_lost,
		.arg = watcher,
	};
	return !has_channel(watcher) || link_start(&watcher->link);
}

static bool start_hearing(struct watcher *watcher)
{
	const spore_host *host = watcher->asker->shared->host;
	spore_worker *worker = watcher->asker->worker;
	int64_t poll_ms = watcher->options->poll_ms;

	if (host->timer_start(worker, WATCHER_PING_MS, WATCHER_PING_MS, on_ping, watcher,
	                      &watcher->ping) == SPORE_OK &&
	    host->timer_start(worker, has_channel(watcher) ? poll_ms : 0, poll_ms, on_poll, watcher,
	                      &watcher->poll) == SPORE_OK &&
	    start_link(watcher)) {
		if (!has_channel(watcher))
			set_hearing(watcher, HEARING_POLLS);
		return true;
	}
	host->timer_stop(watcher->ping);
	host->timer_stop(watcher->poll);
	return false;
}

bool watcher_start(struct watcher *watcher)
{
	watcher->changes.look_at_all = look_at_all;
	watcher->changes.arg = watcher;
	if (!changes_start(&watcher->changes))
		return false;
	if (start_hearing(watcher))
		return true;
	changes_stop(&watcher->changes);
	return false;
}

void watcher_stop(struct watcher *watcher)
{
	const spore_host *host = watcher->asker->shared->host;

	host->timer_stop(watcher->ping);
	host->timer_stop(watcher->poll);
	if (has_channel(watcher))
		link_stop(&watcher->link);
	listing_stop(watcher->listing);
	changes_stop(&watcher->changes);
}
