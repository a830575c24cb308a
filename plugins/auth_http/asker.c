#include "asker.h"

/* How many waiting questions begin or fail in one turn of the loop. More of them take several
 * turns, so that they do not hold up the worker. */
enum { PER_TURN = 8 };

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

static void count(struct asker *asker, enum ask_result result)
{
	asker->shared->host->metric_add(asker->worker, asker->shared->results[result], 1);
}

/* Ends a question that was not sent. */
static void give_up(struct asker *asker, struct ask *ask, enum ask_result result, const char *why)
{
	struct ask_reply reply = { .error = why };

	count(asker, result);
	health_complain(&asker->shared->health, why);
	ask->on_answer(ask, result, &reply);
}

/* Ends a question that was sent. libcurl does not know its transfer any more. */
static void finish(struct asker *asker, struct ask *ask, enum ask_result result, const char *why)
{
	struct asker_shared *shared = asker->shared;
	struct transfer *transfer = ask->transfer;
	enum breaker_pass pass = ask->pass;
	struct ask_reply reply = {
		.status = transfer_status(transfer),
		.body = { transfer->reply, transfer->len },
		.error = why,
	};

	take_out(&asker->running, ask);
	if (result != ASK_REPLIED)
		health_complain(&shared->health, why);
	shared->host->metric_observe(asker->worker, shared->seconds,
	                             (double)(shared->host->now_ms() - ask->started_ms) / 1000);
	result = ask->on_answer(ask, result, &reply); /* frees `ask` */
	count(asker, result);
	health_settle(&shared->health, pass, result == ASK_REPLIED ? BREAKER_WORKS : BREAKER_FAILS);
	transfer_free(transfer);
}

/* ---- sending ---- */

/* Sends a question. The caller has made sure that there are addresses. Returns ASK_REPLIED if it
 * runs now, or why it does not. */
static enum ask_result start(struct asker *asker, struct ask *ask)
{
	struct asker_shared *shared = asker->shared;
	struct transfer_plan plan = {
		.service = shared->service,
		.url = ask->url,
		.body = ask->body,
		.addresses = asker->lookup.addresses,
		.connect_ms = shared->connect_ms,
		.total_ms = shared->total_ms,
	};

	ask->started_ms = shared->host->now_ms();
	ask->pass = health_enter(&shared->health);
	if (ask->pass == BREAKER_REFUSED)
		return ASK_SUSPENDED;
	ask->transfer = transfer_new(&plan, ask);
	if (ask->transfer && multi_add(&asker->multi, ask->transfer->easy)) {
		append(&asker->running, ask);
		return ASK_REPLIED;
	}
	transfer_free(ask->transfer);
	ask->transfer = NULL;
	health_settle(&shared->health, ask->pass, BREAKER_UNKNOWN);
	return ASK_NO_MEMORY;
}

/* Why a question was not sent. */
static const char *text_of(enum ask_result result)
{
	return result == ASK_SUSPENDED     ? "it failed before, and its next trial is not due yet"
	       : result == ASK_UNREACHABLE ? "its host name has no address"
	       : result == ASK_BUSY        ? "too many questions wait for it (max_waiting)"
	                                   : "out of memory";
}

/* A missing address counts as a failure of the service, although no request was sent. */
static enum ask_result note_no_address(struct asker *asker)
{
	struct health *health = &asker->shared->health;
	enum breaker_pass pass = health_enter(health);

	if (pass == BREAKER_REFUSED)
		return ASK_SUSPENDED;
	health_settle(health, pass, BREAKER_FAILS);
	return ASK_UNREACHABLE;
}

static bool may_start(const struct asker *asker)
{
	return asker->waiting.first && asker->running.n < asker->shared->max_running;
}

/* Sends the question that waits longest. False: it must wait for the addresses. */
static bool send_first(struct asker *asker)
{
	enum lookup_state state = lookup_need(&asker->lookup);
	struct ask *ask = asker->waiting.first;
	enum ask_result result;

	if (state == LOOKUP_RUNS)
		return false;
	take_out(&asker->waiting, ask);
	result = state == LOOKUP_READY ? start(asker, ask) : note_no_address(asker);
	if (result != ASK_REPLIED)
		give_up(asker, ask, result, text_of(result));
	return true;
}

/* Sends in the next turn what waits. */
static void pump_soon(struct asker *asker)
{
	if (may_start(asker))
		asker->shared->host->timer_update(asker->next_turn, 0, 0);
}

/* Sends what waits, as far as there are places. */
static void pump(void *arg)
{
	struct asker *asker = arg;

	for (int n = 0; n < PER_TURN && may_start(asker); n++) {
		if (!send_first(asker))
			return;
	}
	pump_soon(asker);
}

enum ask_result asker_send(struct asker *asker, struct ask *ask)
{
	bool has_place = !asker->waiting.first && asker->running.n < asker->shared->max_running;
	enum lookup_state state = lookup_need(&asker->lookup);
	enum ask_result result = ASK_REPLIED;

	ask->transfer = NULL;
	if (has_place && state == LOOKUP_READY)
		result = start(asker, ask);
	else if (state == LOOKUP_FAILED)
		result = note_no_address(asker);
	else if (asker->waiting.n < asker->shared->max_waiting)
		append(&asker->waiting, ask);
	else
		result = ASK_BUSY;
	if (result == ASK_REPLIED)
		return result;
	count(asker, result);
	health_complain(&asker->shared->health, text_of(result));
	return result;
}

bool asker_withdraw(struct asker *asker, struct ask *ask)
{
	if (ask->transfer)
		return false;
	take_out(&asker->waiting, ask);
	return true;
}

/* ---- start and stop ---- */

static void on_end(void *arg, void *transfer_arg, CURLcode code)
{
	struct asker *asker = arg;
	struct transfer *transfer = transfer_arg;

	/* The first results are those of a transfer, in the same order. */
	finish(asker, transfer->owner, (enum ask_result)transfer_end(transfer, code),
	       transfer_error(transfer, code));
	pump_soon(asker);
}

static void on_addresses(void *arg)
{
	pump_soon(arg);
}

bool asker_start(struct asker *asker, struct asker_shared *shared, spore_worker *worker)
{
	*asker = (struct asker){ .shared = shared, .worker = worker };
	asker->lookup = (struct lookup){
		.host = shared->host,
		.worker = worker,
		.service = shared->service,
		.on_end = on_addresses,
		.arg = asker,
	};
	asker->multi = (struct multi){
		.host = shared->host, .worker = worker, .on_end = on_end, .arg = asker
	};
	if (shared->host->timer_start(worker, 0, 0, pump, asker, &asker->next_turn) != SPORE_OK)
		return false;
	if (multi_start(&asker->multi))
		return true;
	shared->host->timer_stop(asker->next_turn);
	return false;
}

void asker_stop(struct asker *asker)
{
	struct ask_reply none = { .error = "the instance stops" };

	while (asker->waiting.first) {
		struct ask *ask = asker->waiting.first;

		take_out(&asker->waiting, ask);
		ask->on_answer(ask, ASK_BROKEN, &none);
	}
	while (asker->running.first) {
		struct ask *ask = asker->running.first;
		struct transfer *transfer = ask->transfer;

		take_out(&asker->running, ask);
		multi_remove(&asker->multi, transfer->easy);
		health_settle(&asker->shared->health, ask->pass, BREAKER_UNKNOWN);
		ask->on_answer(ask, ASK_BROKEN, &none);
		transfer_free(transfer);
	}
	asker->shared->host->timer_stop(asker->next_turn);
	lookup_stop(&asker->lookup);
	multi_stop(&asker->multi);
}
