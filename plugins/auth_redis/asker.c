#include "asker.h"

#include <stdatomic.h>
#include <stdio.h>

/* So many questions fail in one turn of the loop. */
enum { PER_TURN = 64 };

static void append(struct ask_list *list, struct ask *ask)
{
	ask->next = NULL;
	ask->previous = list->last;
	*(list->last ? &list->last->next : &list->first) = ask;
	list->last = ask;
	list->n++;
}

static void prepend(struct ask_list *list, struct ask *ask)
{
	ask->previous = NULL;
	ask->next = list->first;
	*(list->first ? &list->first->previous : &list->last) = ask;
	list->first = ask;
	list->n++;
}

static void take_out(struct ask_list *list, struct ask *ask)
{
	*(ask->previous ? &ask->previous->next : &list->first) = ask->next;
	*(ask->next ? &ask->next->previous : &list->last) = ask->previous;
	list->n--;
}

/* ---- metrics, state and log ---- */

void asker_complain(struct asker_shared *shared, const char *text)
{
	if (pace_allows_line(&shared->faults, shared->host, shared->log, SPORE_LOG_WARN,
	                     "failures of Redis"))
		spore_logf(shared->host, shared->log, SPORE_LOG_WARN, "Redis gave no verdict: %s",
		           text);
}

/* Another worker may change the state at the same time: the last one to write has read the
 * newest. */
void asker_show_state(struct asker_shared *shared)
{
	static const char *const breaker[] = {
		[BREAKER_CLOSED] = "Redis is asked",
		[BREAKER_PROBING] = "Redis has failed; one question is sent as a trial",
		[BREAKER_OPEN] = "Redis has failed; it is not asked until the next trial",
	};
	static const char *const hearing[] = {
		[HEARING_NOTHING] = "changes are not noticed now",
		[HEARING_POLLS] = "changes are noticed every poll_interval",
		[HEARING_AT_ONCE] = "changes are noticed at once",
	};
	enum breaker_state state;
	char text[SPORE_STATE_MAX];
	int hears;

	do {
		state = breaker_read(&shared->breaker);
		hears = atomic_load(&shared->hearing);
		snprintf(text, sizeof text, "%s; %s", breaker[state], hearing[hears]);
		shared->host->metric_set(NULL, shared->state, state);
		shared->host->state_show(shared->log, spore_cstr(text));
	} while (state != breaker_read(&shared->breaker) || hears != atomic_load(&shared->hearing));
}

static void count(struct asker *asker, enum ask_result result)
{
	asker->shared->host->metric_add(asker->worker, asker->shared->results[result], 1);
}

static void settle(struct asker_shared *shared, enum breaker_pass pass,
                   enum breaker_outcome outcome)
{
	bool has_changed = breaker_settle(&shared->breaker, pass, outcome, shared->host->now_ms());

	if (has_changed || pass == BREAKER_PROBE)
		asker_show_state(shared);
	if (has_changed && outcome == BREAKER_WORKS)
		spore_logf(shared->host, shared->log, SPORE_LOG_INFO, "Redis works again");
	else if (has_changed)
		spore_logf(shared->host, shared->log, SPORE_LOG_ERROR,
		           "Redis fails: until it works again, only one question at a time is "
		           "sent, after a pause");
}

/* ---- the end of a question ---- */

static enum breaker_outcome outcome_of(enum ask_result result)
{
	if (result == ASK_REPLIED || result == ASK_BAD_RECORD)
		return BREAKER_WORKS;
	return result == ASK_STOPPED ? BREAKER_UNKNOWN : BREAKER_FAILS;
}

static void finish(struct asker *asker, struct ask_list *list, enum ask_result result,
                   const redisReply *reply)
{
	struct asker_shared *shared = asker->shared;
	struct ask *ask = list->first;
	enum breaker_pass pass = ask->pass;
	double ms = (double)(shared->host->now_ms() - ask->started_ms);

	take_out(list, ask);
	result = ask->on_reply(ask, result, reply); /* frees it */
	shared->host->metric_observe(asker->worker, shared->seconds, ms / 1000);
	count(asker, result);
	settle(shared, pass, outcome_of(result));
}

/* ---- time ---- */

static struct ask *oldest(const struct asker *asker)
{
	return asker->running.first ? asker->running.first : asker->waiting.first;
}

/* The timer runs at the deadline of the oldest question, or earlier. */
static void set_deadline(struct asker *asker)
{
	const struct ask *ask = oldest(asker);
	int64_t left;

	if (!ask)
		return;
	left = ask->started_ms + asker->shared->timeout_ms - asker->shared->host->now_ms();
	asker->shared->host->timer_update(asker->deadline, left > 0 ? left : 0, 0);
}

static bool is_late(const struct asker *asker, const struct ask *ask)
{
	return ask && asker->shared->host->now_ms() - ask->started_ms >= asker->shared->timeout_ms;
}

static void on_deadline(void *arg)
{
	struct asker *asker = arg;
	bool is_stuck = is_late(asker, asker->running.first);

	/* Its replies come too late, and so do those behind them. What is not late yet is sent
	 * again on another connection. */
	if (is_stuck)
		primary_give_up(&asker->primary, "it does not reply in time (timeout)");
	for (int n = 0; n < PER_TURN && is_late(asker, asker->waiting.first); n++)
		finish(asker, &asker->waiting, ASK_TIMEOUT, NULL);
	set_deadline(asker);
}

/* ---- the connection ---- */

static void pump(struct asker *asker)
{
	while (asker->waiting.first && asker->running.n < ASKER_RUNNING_MAX) {
		struct ask *ask = asker->waiting.first;

		if (!primary_send(&asker->primary, ask->n_words, ask->words))
			return;
		take_out(&asker->waiting, ask);
		ask->is_running = true;
		append(&asker->running, ask);
	}
}

static void on_ready(void *arg)
{
	struct asker *asker = arg;

	settle(asker->shared, BREAKER_NORMAL, BREAKER_WORKS);
	asker->last_why[0] = '\0';
	pump(asker);
}

static void on_reply(void *arg, const redisReply *reply)
{
	struct asker *asker = arg;

	if (!asker->running.first) {
		primary_give_up(&asker->primary, "it replies without a question");
		return;
	}
	finish(asker, &asker->running, ASK_REPLIED, reply);
	pump(asker);
}

/* The same reason, again and again, is logged until the breaker opens. */
static void log_loss(struct asker *asker, const char *why)
{
	char place[PLACE_HOST_MAX + 16], text[CONN_WHY_MAX + sizeof place + 8];

	if (breaker_read(&asker->shared->breaker) != BREAKER_CLOSED &&
	    strcmp(why, asker->last_why) == 0)
		return;
	snprintf(asker->last_why, sizeof asker->last_why, "%s", why);
	primary_print(&asker->primary, place, sizeof place);
	snprintf(text, sizeof text, "%s: %s", place, why);
	asker_complain(asker->shared, text);
}

static void on_lost(void *arg, const char *why, bool was_ready)
{
	struct asker *asker = arg;

	while (asker->running.last) {
		struct ask *ask = asker->running.last;

		take_out(&asker->running, ask);
		ask->is_running = false;
		prepend(&asker->waiting, ask);
	}
	log_loss(asker, why);
	if (!was_ready)
		settle(asker->shared, BREAKER_NORMAL, BREAKER_FAILS);
	if (asker->on_lost)
		asker->on_lost(asker->arg);
}

/* ---- questions ---- */

static const char *text_of(enum ask_result result)
{
	return result == ASK_SUSPENDED ? "it failed before, and its next trial is not due yet"
	       : result == ASK_BUSY    ? "too many questions wait for it (max_waiting)"
	                               : "out of memory";
}

static enum ask_result enter(struct asker *asker, struct ask *ask)
{
	struct asker_shared *shared = asker->shared;

	if (asker->waiting.n + asker->running.n >= shared->max_waiting)
		return ASK_BUSY;
	ask->started_ms = shared->host->now_ms();
	ask->pass = breaker_enter(&shared->breaker, ask->started_ms);
	if (ask->pass == BREAKER_PROBE)
		asker_show_state(shared);
	return ask->pass == BREAKER_REFUSED ? ASK_SUSPENDED : ASK_REPLIED;
}

enum ask_result asker_send(struct asker *asker, struct ask *ask)
{
	enum ask_result result = enter(asker, ask);

	if (result != ASK_REPLIED) {
		count(asker, result);
		asker_complain(asker->shared, text_of(result));
		return result;
	}
	ask->is_running = false;
	append(&asker->waiting, ask);
	if (oldest(asker) == ask)
		set_deadline(asker);
	pump(asker);
	return result;
}

bool asker_withdraw(struct asker *asker, struct ask *ask)
{
	if (ask->is_running)
		return false;
	take_out(&asker->waiting, ask);
	settle(asker->shared, ask->pass, BREAKER_UNKNOWN);
	return true;
}

/* ---- the primary moves ---- */

static void on_move(void *arg)
{
	struct asker *asker = arg;
	struct place place;

	pthread_mutex_lock(&asker->shared->lock);
	place = asker->shared->primary_at;
	pthread_mutex_unlock(&asker->shared->lock);
	primary_move(&asker->primary, &place);
}

/* A post to a worker that stops is refused, and one that was accepted runs before it stops. */
void asker_move_all(struct asker_shared *shared, const struct place *place)
{
	pthread_mutex_lock(&shared->lock);
	shared->primary_at = *place;
	for (struct asker *asker = shared->askers; asker; asker = asker->next)
		shared->host->post(asker->worker, on_move, asker);
	pthread_mutex_unlock(&shared->lock);
}

static void enlist(struct asker *asker)
{
	pthread_mutex_lock(&asker->shared->lock);
	asker->next = asker->shared->askers;
	asker->shared->askers = asker;
	pthread_mutex_unlock(&asker->shared->lock);
}

static void strike_off(struct asker *asker)
{
	struct asker **at = &asker->shared->askers;

	pthread_mutex_lock(&asker->shared->lock);
	while (*at != asker)
		at = &(*at)->next;
	*at = asker->next;
	pthread_mutex_unlock(&asker->shared->lock);
}

/* ---- start and stop ---- */

bool asker_start(struct asker *asker, struct asker_shared *shared, spore_worker *worker)
{
	*asker = (struct asker){ .shared = shared, .worker = worker };
	asker->primary = (struct primary){
		.conf = &shared->primary,
		.worker = worker,
		.on_ready = on_ready,
		.on_reply = on_reply,
		.on_lost = on_lost,
		.arg = asker,
	};
	if (shared->host->timer_start(worker, shared->timeout_ms, 0, on_deadline, asker,
	                              &asker->deadline) != SPORE_OK)
		return false;
	if (primary_start(&asker->primary)) {
		enlist(asker);
		return true;
	}
	shared->host->timer_stop(asker->deadline);
	return false;
}

void asker_stop(struct asker *asker)
{
	asker->on_lost = NULL;
	strike_off(asker);
	primary_stop(&asker->primary);
	while (asker->running.first)
		finish(asker, &asker->running, ASK_STOPPED, NULL);
	while (asker->waiting.first)
		finish(asker, &asker->waiting, ASK_STOPPED, NULL);
	asker->shared->host->timer_stop(asker->deadline);
}
