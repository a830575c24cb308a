#include "asker.h"

#include <stdatomic.h>
#include <stdio.h>

#include "verdict.h"

/* So many questions fail in one turn of the loop. */
enum { PER_TURN = 64 };
static const char statement[] = "spore_client";

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
	                     "failures of PostgreSQL"))
		spore_logf(shared->host, shared->log, SPORE_LOG_WARN,
		           "PostgreSQL gave no verdict: %s", text);
}

/* Another worker may change the state at the same time: the last one to write has read the
 * newest. */
void asker_show_state(struct asker_shared *shared)
{
	static const char *const breaker[] = {
		[BREAKER_CLOSED] = "PostgreSQL is asked",
		[BREAKER_PROBING] = "PostgreSQL has failed; one question is sent as a trial",
		[BREAKER_OPEN] = "PostgreSQL has failed; it is not asked until the next trial",
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
		spore_logf(shared->host, shared->log, SPORE_LOG_INFO, "PostgreSQL works again");
	else if (has_changed)
		spore_logf(shared->host, shared->log, SPORE_LOG_ERROR,
		           "PostgreSQL fails: until it works again, only one question at a time is "
		           "sent, after a pause");
}

/* ---- the end of a question ---- */

static enum breaker_outcome outcome_of(enum ask_result result)
{
	if (result == ASK_REPLIED || result == ASK_BAD_RECORD)
		return BREAKER_WORKS;
	return result == ASK_STOPPED ? BREAKER_UNKNOWN : BREAKER_FAILS;
}

static void finish(struct asker *asker, struct ask_list *list, enum ask_result result)
{
	struct asker_shared *shared = asker->shared;
	struct ask *ask = list->first;
	enum breaker_pass pass = ask->pass;
	double ms = (double)(shared->host->now_ms() - ask->started_ms);

	take_out(list, ask);
	result = ask->on_end(ask, result); /* frees it */
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
		link_give_up(&asker->link, "it does not reply in time (timeout)");
	for (int n = 0; n < PER_TURN && is_late(asker, asker->waiting.first); n++)
		finish(asker, &asker->waiting, ASK_TIMEOUT);
	set_deadline(asker);
}

/* ---- the connection ---- */

static bool send_ask(struct asker *asker, struct ask *ask)
{
	struct asker_shared *shared = asker->shared;
	struct link_query query = { NULL, ask->text, ask->name };

	if (!ask->text && shared->prepares)
		query.statement = statement;
	else if (!ask->text)
		query.text = shared->query;
	ask->result = ASK_REPLIED;
	ask->n_rows = 0;
	return link_query(&asker->link, &query);
}

static void pump(struct asker *asker)
{
	while (asker->waiting.first && asker->running.n < ASKER_RUNNING_MAX &&
	       asker->link.stage == LINK_READY) {
		struct ask *ask = asker->waiting.first;

		if (!send_ask(asker, ask))
			return;
		take_out(&asker->waiting, ask);
		ask->is_running = true;
		append(&asker->running, ask);
	}
}

static void on_open(void *arg)
{
	struct asker *asker = arg;

	asker->n_described = 0;
	link_prepare(&asker->link, asker->shared->prepares ? statement : "", asker->shared->query);
}

static void give_up_by(struct asker *asker, const char *what, const PGresult *result)
{
	const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	char why[LINK_WHY_MAX], line[LINK_WHY_MAX];

	link_explain(text ? text : PQresultErrorMessage(result), line, sizeof line);
	snprintf(why, sizeof why, "%s%s", what, line);
	link_give_up(&asker->link, why);
}

/* The results of the preparation, and then of the description. */
static void set_up(struct asker *asker, const PGresult *result)
{
	char why[LINK_WHY_MAX];

	if (!result) {
		link_become_ready(&asker->link);
		settle(asker->shared, BREAKER_NORMAL, BREAKER_WORKS);
		asker->last_why[0] = '\0';
		pump(asker);
	} else if (PQresultStatus(result) != PGRES_COMMAND_OK) {
		give_up_by(asker, "the query is refused: ", result);
	} else if (++asker->n_described == 2) {
		if (!verdict_on_columns(result, why, sizeof why))
			asker_complain(asker->shared, why);
		if (!verdict_on_parameters(result, why, sizeof why))
			link_give_up(&asker->link, why);
	}
}

static void take_error(struct asker *asker, struct ask *ask, const PGresult *result)
{
	char text[LINK_WHY_MAX];

	switch (verdict_of(PQresultErrorField(result, PG_DIAG_SQLSTATE))) {
	case VERDICT_LOST:
		give_up_by(asker, "", result);
		break;
	case VERDICT_VALUE:
		ask->result = ASK_BAD_RECORD;
		break;
	case VERDICT_REFUSED:
		link_explain(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY), text,
		             sizeof text);
		asker_complain(asker->shared, text);
		ask->result = ASK_REFUSED;
		break;
	}
}

static void on_result(void *arg, const PGresult *result)
{
	struct asker *asker = arg;
	struct ask *ask = asker->running.first;

	if (asker->link.stage == LINK_SET_UP) {
		set_up(asker, result);
	} else if (!ask) {
		link_give_up(&asker->link, "it replies without a question");
	} else if (!result) {
		finish(asker, &asker->running, ask->result);
		pump(asker);
	} else if (PQresultStatus(result) == PGRES_SINGLE_TUPLE) {
		if (ask->on_row)
			ask->on_row(ask, result, ask->n_rows);
		ask->n_rows++;
	} else if (PQresultStatus(result) == PGRES_FATAL_ERROR) {
		take_error(asker, ask, result);
	} else if (PQresultStatus(result) != PGRES_TUPLES_OK) {
		link_give_up(&asker->link, "what it replies is not a list of rows");
	}
}

/* The same reason, again and again, is logged until the breaker opens. */
static void log_loss(struct asker *asker, const char *why)
{
	if (breaker_read(&asker->shared->breaker) != BREAKER_CLOSED &&
	    strcmp(why, asker->last_why) == 0)
		return;
	snprintf(asker->last_why, sizeof asker->last_why, "%s", why);
	asker_complain(asker->shared, why);
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

/* ---- start and stop ---- */

bool asker_start(struct asker *asker, struct asker_shared *shared, spore_worker *worker)
{
	*asker = (struct asker){ .shared = shared, .worker = worker };
	asker->link = (struct link){
		.host = shared->host,
		.worker = worker,
		.target = &shared->target,
		.connect_ms = shared->connect_ms,
		.on_open = on_open,
		.on_result = on_result,
		.on_lost = on_lost,
		.arg = asker,
	};
	if (shared->host->timer_start(worker, shared->timeout_ms, 0, on_deadline, asker,
	                              &asker->deadline) != SPORE_OK)
		return false;
	if (link_start(&asker->link))
		return true;
	shared->host->timer_stop(asker->deadline);
	return false;
}

void asker_stop(struct asker *asker)
{
	asker->on_lost = NULL;
	link_stop(&asker->link);
	while (asker->running.first)
		finish(asker, &asker->running, ASK_STOPPED);
	while (asker->waiting.first)
		finish(asker, &asker->waiting, ASK_STOPPED);
	asker->shared->host->timer_stop(asker->deadline);
}
