#include "watcher.h"

#include <stdio.h>
#include <stdlib.h>

#include "scan.h"

static const char keyspace[] = "__keyspace@";

/* ---- state ---- */

static void set_hearing(struct watcher *watcher, enum hearing hearing)
{
	health_hear(&watcher->asker->shared->pipeline.health, hearing);
}

/* ---- looking at all names ---- */

static void on_scanned(void *arg, bool is_complete)
{
	struct watcher *watcher = arg;

	watcher->scan = NULL;
	changes_end_list(&watcher->changes, is_complete);
	if (!is_complete)
		watcher->asker->shared->host->timer_update(watcher->poll, CHANGES_RETRY_MS,
		                                           watcher->options->poll_ms);
}

static bool hears(const struct watcher *watcher)
{
	return watcher->primary.stage == PRIMARY_READY && !watcher->waiting;
}

/* Begins a scan of all names, for changes. While the watcher does not hear of changes, a new list
 * would not make the roll current. Then it looks only at the names that it knows. */
static void look_at_all(void *arg)
{
	struct watcher *watcher = arg;
	struct scan_order order = {
		.asker = watcher->asker,
		.changes = &watcher->changes,
		.prefix = watcher->options->prefix,
		.pattern = strchr(watcher->pattern, ':') + 1,
		.on_end = on_scanned,
		.arg = watcher,
	};

	if (!watcher->changes.keeper->keeper->roll || !hears(watcher)) {
		changes_note_all(&watcher->changes);
		return;
	}
	changes_begin_list(&watcher->changes);
	watcher->scan = scan_start(&order);
	if (!watcher->scan)
		on_scanned(watcher, false);
}

static void on_poll(void *arg)
{
	struct watcher *watcher = arg;

	changes_poll(&watcher->changes);
}

/* ---- subscribing ---- */

static void send_words(struct watcher *watcher, const char *a, const char *b, const char *c)
{
	spore_str words[3] = { spore_cstr(a), spore_cstr(b), spore_cstr(c) };

	if (!primary_send(&watcher->primary, 1 + (b != NULL) + (c != NULL), words))
		primary_give_up(&watcher->primary, "out of memory");
}

/* The commands that on_ready() sends, in this order. */
enum { STEP_CONFIG, STEP_NOTICES, STEP_CHANNEL };

static unsigned n_steps(const struct watcher *watcher)
{
	return watcher->options->channel ? STEP_CHANNEL + 1 : STEP_NOTICES + 1;
}

static void on_ready(void *arg)
{
	struct watcher *watcher = arg;

	watcher->has_notices = watcher->has_channel = watcher->is_waiting_pong = false;
	watcher->waiting = n_steps(watcher);
	send_words(watcher, "CONFIG", "GET", "notify-keyspace-events");
	send_words(watcher, "PSUBSCRIBE", watcher->pattern, NULL);
	if (watcher->options->channel)
		send_words(watcher, "SUBSCRIBE", watcher->options->channel, NULL);
}

static bool is_text(const redisReply *reply)
{
	return reply->type == REDIS_REPLY_STRING && (size_t)reply->len == strlen(reply->str);
}

/* The flags mean: K: Redis sends keyspace notifications. A: it sends them for all events. g, h and
 * x: it sends them for generic commands, hashes and keys that expire. */
static bool has_flags(const char *flags)
{
	return strchr(flags, 'K') &&
	       (strchr(flags, 'A') ||
	        (strchr(flags, 'g') && strchr(flags, 'h') && strchr(flags, 'x')));
}

static void complain(struct watcher *watcher, int32_t level, const char *what, const char *why)
{
	health_log(&watcher->asker->shared->pipeline.health, level, what, why);
}

static void log_refusal(struct watcher *watcher, unsigned step, const char *why)
{
	static const char *const texts[] = {
		[STEP_CONFIG] = "Redis does not tell about keyspace notifications (CONFIG GET)",
		[STEP_NOTICES] = "Redis refuses keyspace notifications (PSUBSCRIBE)",
		[STEP_CHANNEL] = "Redis refuses the channel (SUBSCRIBE)",
	};

	complain(watcher, step == STEP_CHANNEL ? SPORE_LOG_WARN : SPORE_LOG_INFO, texts[step], why);
}

/* Takes the reply to one step. If Redis refuses a step, the watcher still polls. */
static void take_step(struct watcher *watcher, unsigned step, const redisReply *reply)
{
	bool is_error = reply->type == REDIS_REPLY_ERROR;

	if (step == STEP_CONFIG)
		watcher->has_notices = reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
		                       is_text(reply->element[1]) &&
		                       has_flags(reply->element[1]->str);
	else if (step == STEP_CHANNEL)
		watcher->has_channel = !is_error;
	else if (is_error)
		watcher->has_notices = false;
	if (is_error)
		log_refusal(watcher, step, reply->str);
}

static void begin_hearing(struct watcher *watcher)
{
	bool is_told = watcher->has_notices || watcher->has_channel;

	watcher->is_missed = false;
	set_hearing(watcher, is_told ? HEARING_AT_ONCE : HEARING_POLLS);
	if (!is_told)
		complain(watcher, SPORE_LOG_WARN,
		         "a change of a client is noticed only every poll_interval",
		         "set notify-keyspace-events to Kghxe in Redis, or set the option channel");
	changes_note_any(&watcher->changes);
}

/* ---- messages ---- */

static void take_notice(struct watcher *watcher, const redisReply *channel)
{
	const char *key = is_text(channel) ? strchr(channel->str, ':') : NULL;
	const char *prefix = watcher->options->prefix, *name;

	if (!watcher->has_notices && !watcher->waiting) {
		watcher->has_notices = true; /* although CONFIG GET did not say so */
		set_hearing(watcher, HEARING_AT_ONCE);
	}
	if (!key || strncmp(key + 1, prefix, strlen(prefix)) != 0)
		return;
	name = key + 1 + strlen(prefix);
	if (strlen(name) <= SPORE_IDENTITY_MAX)
		changes_note(&watcher->changes, name);
}

static void take_message(struct watcher *watcher, const redisReply *payload)
{
	if (!is_text(payload) || payload->len > SPORE_IDENTITY_MAX)
		return;
	if (payload->len == 0)
		changes_note_any(&watcher->changes);
	else
		changes_note(&watcher->changes, payload->str);
}

static bool is_kind(const redisReply *reply, const char *kind, size_t elements)
{
	return reply->type == REDIS_REPLY_ARRAY && reply->elements == elements &&
	       is_text(reply->element[0]) && strcmp(reply->element[0]->str, kind) == 0;
}

/* Replies come in the order in which on_ready() has sent the commands. Messages may come between
 * them. */
static void on_reply(void *arg, const redisReply *reply)
{
	struct watcher *watcher = arg;

	if (is_kind(reply, "pmessage", 4)) {
		take_notice(watcher, reply->element[2]);
	} else if (is_kind(reply, "message", 3)) {
		take_message(watcher, reply->element[2]);
	} else if (watcher->waiting) {
		take_step(watcher, n_steps(watcher) - watcher->waiting, reply);
		if (--watcher->waiting == 0)
			begin_hearing(watcher);
	} else {
		watcher->is_waiting_pong = false;
	}
}

/* True: look-ups work, but this connection cannot be made, so the watcher only polls. */
static bool only_polls(const struct watcher *watcher)
{
	return watcher->primary.failures >= WATCHER_TRIES &&
	       watcher->asker->primary.stage == PRIMARY_READY;
}

static void on_lost(void *arg, const char *why, bool was_ready)
{
	struct watcher *watcher = arg;

	set_hearing(watcher, only_polls(watcher) ? HEARING_POLLS : HEARING_NOTHING);
	changes_deafen(&watcher->changes);
	if (was_ready)
		complain(watcher, SPORE_LOG_WARN, "changes are not noticed for now", why);
	if (watcher->is_missed || !only_polls(watcher))
		return;
	watcher->is_missed = true;
	health_log_now(&watcher->asker->shared->pipeline.health, SPORE_LOG_WARN,
	               "look-ups work, but there is no connection for changes, which are noticed "
	               "only every poll_interval",
	               why);
}

/* ---- the primary moves ---- */

static void on_sentry_ready(void *arg)
{
	struct watcher *watcher = arg;

	watcher->is_sentry_waiting = false;
}

static void on_sentry_reply(void *arg, const redisReply *reply)
{
	struct watcher *watcher = arg;
	struct place place;

	if (!is_kind(reply, "message", 3)) {
		watcher->is_sentry_waiting = false;
	} else if (is_text(reply->element[2]) &&
	           primary_read_switch(&watcher->asker->shared->primary, reply->element[2]->str,
	                               &place)) {
		asker_move_all(watcher->asker->shared, &place);
		primary_move(&watcher->primary, &place);
	}
}

/* Nothing is to be done: workers that lose the primary find the new one without the sentry. */
static void on_sentry_lost(void *arg, const char *why, bool was_ready)
{
	(void)arg;
	(void)why;
	(void)was_ready;
}

static bool start_sentry(struct watcher *watcher)
{
	const struct primary_conf *conf = &watcher->asker->shared->primary;

	watcher->sentry = (struct primary){
		.conf = conf,
		.worker = watcher->asker->worker,
		.is_sentry = true,
		.on_ready = on_sentry_ready,
		.on_reply = on_sentry_reply,
		.on_lost = on_sentry_lost,
		.arg = watcher,
	};
	return !conf->n_sentinels || primary_start(&watcher->sentry);
}

static void stop_sentry(struct watcher *watcher)
{
	if (watcher->asker->shared->primary.n_sentinels)
		primary_stop(&watcher->sentry);
}

/* Gives the sentry up if it has not replied to the last ping. */
static void ping_sentry(struct watcher *watcher)
{
	static const spore_str word = { "PING", 4 };

	if (watcher->sentry.stage != PRIMARY_READY)
		return;
	if (watcher->is_sentry_waiting || !primary_send(&watcher->sentry, 1, &word)) {
		primary_give_up(&watcher->sentry, "it does not reply in time");
		return;
	}
	watcher->is_sentry_waiting = true;
}

/* ---- is it alive? ---- */

static void ping(struct watcher *watcher)
{
	if (watcher->is_waiting_pong || !hears(watcher))
		return;
	watcher->is_waiting_pong = true;
	watcher->pinged_ms = watcher->asker->shared->host->now_ms();
	send_words(watcher, "PING", NULL, NULL);
}

/* True: a reply to the commands of on_ready(), or to the last ping, has not come in time. */
static bool is_reply_late(const struct watcher *watcher)
{
	const struct asker_shared *shared = watcher->asker->shared;
	int64_t since = watcher->waiting ? watcher->primary.ready_ms : watcher->pinged_ms;

	return (watcher->waiting || watcher->is_waiting_pong) &&
	       shared->host->now_ms() - since >= shared->pipeline.timeout_ms;
}

static void on_ping(void *arg)
{
	struct watcher *watcher = arg;

	if (watcher->primary.stage == PRIMARY_READY && is_reply_late(watcher))
		primary_give_up(&watcher->primary, "it does not reply in time (timeout)");
	ping(watcher);
	ping_sentry(watcher);
}

void watcher_doubt(struct watcher *watcher)
{
	ping(watcher);
}

/* ---- start and stop ---- */

static bool start_hearing(struct watcher *watcher)
{
	struct asker_shared *shared = watcher->asker->shared;
	const spore_host *host = shared->host;
	char escaped[2 * LOOKUP_PREFIX_MAX + 32];

	scan_escape(watcher->options->prefix, escaped, sizeof escaped);
	snprintf(watcher->pattern, sizeof watcher->pattern, "%s%lld__:%s*", keyspace,
	         (long long)shared->primary.database, escaped);
	watcher->primary = (struct primary){
		.conf = &shared->primary,
		.worker = watcher->asker->worker,
		.on_ready = on_ready,
		.on_reply = on_reply,
		.on_lost = on_lost,
		.arg = watcher,
	};
	if (host->timer_start(watcher->asker->worker, WATCHER_PING_MS, WATCHER_PING_MS, on_ping,
	                      watcher, &watcher->ping) == SPORE_OK &&
	    host->timer_start(watcher->asker->worker, watcher->options->poll_ms,
	                      watcher->options->poll_ms, on_poll, watcher,
	                      &watcher->poll) == SPORE_OK &&
	    start_sentry(watcher)) {
		if (primary_start(&watcher->primary))
			return true;
		stop_sentry(watcher);
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
	primary_stop(&watcher->primary);
	stop_sentry(watcher);
	scan_stop(watcher->scan);
	changes_stop(&watcher->changes);
}
