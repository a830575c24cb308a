#include "pipeline.h"

#include <stdio.h>

#include "../series.h"

/* How many questions may time out in one turn of the loop. */
enum { LATE_PER_TURN = 64 };

/* ---- what all workers share ---- */

static void warn_of_timeout(const spore_create_args *args, int64_t timeout_ms)
{
	int64_t most_ms = spore_auth_time(args);

	if (most_ms && timeout_ms >= most_ms)
		spore_logf(args->host, args->ctx, SPORE_LOG_WARN,
		           "a look-up may take %lld ms (timeout), but after %lld ms "
		           "(server.auth_timeout) the client is refused: keep timeout below "
		           "server.auth_timeout",
		           (long long)timeout_ms, (long long)most_ms);
}

void pipeline_init(struct pipeline_shared *shared, const spore_create_args *args,
                   const struct pipeline_options *options)
{
	static const char *const results[ASK_RESULTS] = {
		[ASK_REPLIED] = "replied", [ASK_BAD_RECORD] = "bad_record",
		[ASK_REFUSED] = "refused", [ASK_TIMEOUT] = "timeout",
		[ASK_STOPPED] = "stopped", [ASK_SUSPENDED] = "suspended",
		[ASK_BUSY] = "busy",       [ASK_NO_MEMORY] = "no_memory",
	};
	const struct series_label label = { "result", results, ASK_RESULTS };

	warn_of_timeout(args, options->timeout_ms);
	shared->timeout_ms = options->timeout_ms;
	shared->max_waiting = (size_t)options->max_waiting;
	series_counters(args, "requests_total", options->requests, &label, shared->results);
	shared->seconds = series_seconds(args, "request_seconds", options->seconds, 0.0003);
	health_init(&shared->health, args, &options->health);
}

void pipeline_fini(struct pipeline_shared *shared)
{
	health_fini(&shared->health);
}

/* ---- lists ---- */

static void append(struct ask_list *list, struct ask *ask)
{
	ask->next = NULL;
	ask->previous = list->last;
	if (list->last)
		list->last->next = ask;
	else
		list->first = ask;
	list->last = ask;
	list->n++;
}

static void prepend(struct ask_list *list, struct ask *ask)
{
	ask->previous = NULL;
	ask->next = list->first;
	if (list->first)
		list->first->previous = ask;
	else
		list->last = ask;
	list->first = ask;
	list->n++;
}

static void take_out(struct ask_list *list, struct ask *ask)
{
	if (ask->previous)
		ask->previous->next = ask->next;
	else
		list->first = ask->next;
	if (ask->next)
		ask->next->previous = ask->previous;
	else
		list->last = ask->previous;
	list->n--;
}

/* ---- the end of a question ---- */

static void count(struct pipeline *pipeline, enum ask_result result)
{
	struct pipeline_shared *shared = pipeline->shared;

	shared->health.host->metric_add(pipeline->worker, shared->results[result], 1);
}

static enum breaker_outcome outcome_of(enum ask_result result)
{
	if (result == ASK_REPLIED || result == ASK_BAD_RECORD)
		return BREAKER_WORKS;
	return result == ASK_STOPPED ? BREAKER_UNKNOWN : BREAKER_FAILS;
}

/* Ends the oldest question of a list. */
static void finish_first(struct pipeline *pipeline, struct ask_list *list, enum ask_result result,
                         const void *reply)
{
	struct pipeline_shared *shared = pipeline->shared;
	const spore_host *host = shared->health.host;
	struct ask *ask = list->first;
	enum breaker_pass pass = ask->pass;
	double ms = (double)(host->now_ms() - ask->started_ms);

	take_out(list, ask);
	result = ask->on_end(ask, result, reply); /* frees it */
	host->metric_observe(pipeline->worker, shared->seconds, ms / 1000);
	count(pipeline, result);
	health_settle(&shared->health, pass, outcome_of(result));
}

/* ---- time ---- */

static int64_t left_ms(const struct pipeline *pipeline, const struct ask *ask)
{
	const struct pipeline_shared *shared = pipeline->shared;

	return ask->started_ms + shared->timeout_ms - shared->health.host->now_ms();
}

static bool is_late(const struct pipeline *pipeline, const struct ask *ask)
{
	return ask && left_ms(pipeline, ask) <= 0;
}

/* NULL: there is no question. */
static const struct ask *oldest_of_all(const struct pipeline *pipeline)
{
	return pipeline->running.first ? pipeline->running.first : pipeline->waiting.first;
}

/* The timer runs at the deadline of the oldest question, or earlier. */
static void set_deadline(struct pipeline *pipeline)
{
	const struct ask *ask = oldest_of_all(pipeline);
	int64_t left;

	if (!ask)
		return;
	left = left_ms(pipeline, ask);
	pipeline->shared->health.host->timer_update(pipeline->deadline, left > 0 ? left : 0, 0);
}

static void on_deadline(void *arg)
{
	struct pipeline *pipeline = arg;

	/* Replies come in order, so the oldest question holds up all others on this connection.
	 * Questions that still have time are sent again on another connection. */
	if (is_late(pipeline, pipeline->running.first))
		pipeline->ops->give_up(pipeline->arg, "it does not reply in time (timeout)");
	for (int n = 0; n < LATE_PER_TURN && is_late(pipeline, pipeline->waiting.first); n++)
		finish_first(pipeline, &pipeline->waiting, ASK_TIMEOUT, NULL);
	set_deadline(pipeline);
}

/* ---- the connection ---- */

static void send_waiting(struct pipeline *pipeline)
{
	while (pipeline->waiting.first && pipeline->running.n < pipeline->ops->max_running) {
		struct ask *ask = pipeline->waiting.first;

		if (!pipeline->ops->send(pipeline->arg, ask))
			return;
		take_out(&pipeline->waiting, ask);
		ask->is_running = true;
		append(&pipeline->running, ask);
	}
}

void pipeline_resume(struct pipeline *pipeline)
{
	health_settle(&pipeline->shared->health, BREAKER_NORMAL, BREAKER_WORKS);
	pipeline->last_why[0] = '\0';
	send_waiting(pipeline);
}

struct ask *pipeline_oldest(const struct pipeline *pipeline)
{
	return pipeline->running.first;
}

void pipeline_end(struct pipeline *pipeline, enum ask_result result, const void *reply)
{
	finish_first(pipeline, &pipeline->running, result, reply);
	send_waiting(pipeline);
}

/* While the breaker is open, a repeated reason is not logged. */
static void log_loss(struct pipeline *pipeline, const char *where, const char *why)
{
	struct health *health = &pipeline->shared->health;
	char text[2 * PIPELINE_WHY_MAX];

	if (breaker_read(&health->breaker) != BREAKER_CLOSED &&
	    strcmp(why, pipeline->last_why) == 0)
		return;
	snprintf(pipeline->last_why, sizeof pipeline->last_why, "%s", why);
	snprintf(text, sizeof text, "%s%s%s", where ? where : "", where ? ": " : "", why);
	health_complain(health, text);
}

void pipeline_lose(struct pipeline *pipeline, const char *where, const char *why, bool was_ready)
{
	while (pipeline->running.last) {
		struct ask *ask = pipeline->running.last;

		take_out(&pipeline->running, ask);
		ask->is_running = false;
		prepend(&pipeline->waiting, ask);
	}
	log_loss(pipeline, where, why);
	if (!was_ready)
		health_settle(&pipeline->shared->health, BREAKER_NORMAL, BREAKER_FAILS);
}

/* ---- questions ---- */

static const char *refusal_text(enum ask_result result)
{
	return result == ASK_SUSPENDED ? "it failed before, and its next trial is not due yet"
	       : result == ASK_BUSY    ? "too many questions wait for it (max_waiting)"
	                               : "out of memory";
}

/* ASK_REPLIED: the question may be sent, and has a pass of the breaker. */
static enum ask_result admit(struct pipeline *pipeline, struct ask *ask)
{
	struct pipeline_shared *shared = pipeline->shared;

	if (pipeline->waiting.n + pipeline->running.n >= shared->max_waiting)
		return ASK_BUSY;
	ask->started_ms = shared->health.host->now_ms();
	ask->pass = health_enter(&shared->health);
	return ask->pass == BREAKER_REFUSED ? ASK_SUSPENDED : ASK_REPLIED;
}

enum ask_result pipeline_send(struct pipeline *pipeline, struct ask *ask)
{
	enum ask_result result = admit(pipeline, ask);

	if (result != ASK_REPLIED) {
		count(pipeline, result);
		health_complain(&pipeline->shared->health, refusal_text(result));
		return result;
	}
	ask->is_running = false;
	append(&pipeline->waiting, ask);
	if (oldest_of_all(pipeline) == ask)
		set_deadline(pipeline);
	send_waiting(pipeline);
	return result;
}

bool pipeline_withdraw(struct pipeline *pipeline, struct ask *ask)
{
	if (ask->is_running)
		return false;
	take_out(&pipeline->waiting, ask);
	health_settle(&pipeline->shared->health, ask->pass, BREAKER_UNKNOWN);
	return true;
}

/* ---- start and stop ---- */

bool pipeline_start(struct pipeline *pipeline)
{
	const struct pipeline_shared *shared = pipeline->shared;

	return shared->health.host->timer_start(pipeline->worker, shared->timeout_ms, 0,
	                                        on_deadline, pipeline,
	                                        &pipeline->deadline) == SPORE_OK;
}

void pipeline_stop(struct pipeline *pipeline)
{
	while (pipeline->running.first)
		finish_first(pipeline, &pipeline->running, ASK_STOPPED, NULL);
	while (pipeline->waiting.first)
		finish_first(pipeline, &pipeline->waiting, ASK_STOPPED, NULL);
	pipeline->shared->health.host->timer_stop(pipeline->deadline);
}
