/* auth_ledger - keeps a record of each ALLOW until its session_end(), and checks that there is
 * exactly one end for each, on its worker and before worker_stop().
 *
 * The verdict is returned, completed at once, or completed by another thread; two components run
 * on the worker, one on the pool. With "once" an answer is accepted a single time, as a one-time
 * password is. With "rate" only so many verdicts are given in a second. In the end it logs what it
 * has counted. */
#include <pthread.h>
#include <time.h>

#include "ledger.h"

enum { BY_RETURN, BY_TICKET, BY_WORK, BY_NOBODY };
enum { ANY_WORKER = -1 };

struct conf {
	const char *answer, *say;
	int64_t how, verdict, delay, rate;
	uint32_t once, hold;
};

static const spore_option options[] = {
	SPORE_STRING(struct conf, answer, 0, NULL, "what a client must say; default: anything"),
	SPORE_STRING(struct conf, say, 0, NULL, "what a client says"),
	SPORE_ENUM(struct conf, how, 0, "\"return\"", "return|ticket|work|never",
	           "how the verdict comes"),
	SPORE_ENUM(struct conf, verdict, 0, "\"allow\"", PROBE_VERDICTS, "on a right answer"),
	SPORE_DURATION(struct conf, delay, 0, "0", 0, 60000, "of a verdict on the pool"),
	SPORE_INT(struct conf, rate, 0, "0", 0, 1000000, "verdicts in a second; 0: any number"),
	SPORE_BOOL(struct conf, once, 0, NULL, "an answer is good once"),
	SPORE_BOOL(struct conf, hold, 0, NULL, "a verdict on the pool waits for is_released"),
};

/* An ALLOW without an end. */
struct record {
	struct record *next;
	spore_ticket ticket;
	uint64_t session;
	int worker;
};

/* An answer that was used. */
struct used {
	struct used *next;
	char text[SPORE_AUTH_ANSWER_MAX + 1];
};

struct ledger {
	struct ledger_counts counts; /* first */
	pthread_mutex_t lock;
	struct record *open;
	struct used *used;
	uint64_t sessions;
	time_t second;
	int64_t in_second; /* verdicts */
};

struct state {
	struct ledger *ledger;
	spore_worker *worker;
	int index;
};

/* ---- the records ---- */

static int add_record(struct ledger *ledger, spore_ticket ticket, uint64_t session, int worker)
{
	struct record *record = malloc(sizeof *record);

	if (!record)
		return 0;
	pthread_mutex_lock(&ledger->lock);
	*record = (struct record){ ledger->open, ticket, session, worker };
	ledger->open = record;
	pthread_mutex_unlock(&ledger->lock);
	return 1;
}

/* 0: there is none. */
static int take_record(struct ledger *ledger, spore_ticket ticket, struct record *record_out)
{
	struct record **link = &ledger->open, *record;

	pthread_mutex_lock(&ledger->lock);
	while ((record = *link) != NULL && record->ticket != ticket)
		link = &record->next;
	if (record) {
		*record_out = *record;
		*link = record->next;
	}
	pthread_mutex_unlock(&ledger->lock);
	free(record);
	return record != NULL;
}

static unsigned count_open(struct ledger *ledger, int worker)
{
	unsigned n = 0;

	pthread_mutex_lock(&ledger->lock);
	for (const struct record *record = ledger->open; record; record = record->next)
		n += worker == ANY_WORKER || record->worker == worker;
	pthread_mutex_unlock(&ledger->lock);
	return n;
}

/* ---- life ---- */

static spore_status create(const spore_create_args *args, void **instance_out)
{
	struct ledger *ledger = PROBE_NEW(struct ledger, args);

	if (!ledger)
		return SPORE_ENOMEM;
	pthread_mutex_init(&ledger->lock, NULL);
	*instance_out = ledger;
	return SPORE_OK;
}

static void destroy(void *instance)
{
	struct ledger *ledger = instance;
	const struct ledger_counts *c = &ledger->counts;

	spore_logf(c->host, c->ctx, SPORE_LOG_INFO,
	           "ledger allows=%u ends=%u open=%u wrong=%u renewals=%u "
	           "reasons=%u,%u,%u,%u,%u,%u,%u",
	           c->allows, c->ends, count_open(ledger, ANY_WORKER), c->wrong, c->renewals,
	           c->by[1], c->by[2], c->by[3], c->by[4], c->by[5], c->by[6], c->by[7]);
	while (ledger->open)
		take_record(ledger, ledger->open->ticket, &(struct record){ .next = NULL });
	while (ledger->used) {
		struct used *used = ledger->used;

		ledger->used = used->next;
		free(used);
	}
	pthread_mutex_destroy(&ledger->lock);
	free(ledger);
}

static spore_status worker_start(void *instance, spore_worker *worker, spore_ticket ticket,
                                 void **state_out)
{
	struct ledger *ledger = instance;
	struct state *state = malloc(sizeof *state);

	(void)ticket;
	if (!state)
		return SPORE_ENOMEM;
	*state = (struct state){ ledger, worker, (int)ledger->counts.host->worker_index(worker) };
	*state_out = state;
	return SPORE_OK;
}

static void worker_stop(void *arg)
{
	struct state *state = arg;

	state->ledger->counts.wrong += count_open(state->ledger, state->index);
	free(state);
}

/* ---- the verdict ---- */

static int is_used(struct ledger *ledger, spore_str answer)
{
	struct used *used = ledger->used;

	while (used && !probe_same(spore_cstr(used->text), answer))
		used = used->next;
	if (used)
		return 1;
	used = calloc(1, sizeof *used);
	if (!used)
		return 1;
	memcpy(used->text, answer.ptr, answer.len);
	used->next = ledger->used;
	ledger->used = used;
	return 0;
}

static int is_too_fast(struct ledger *ledger)
{
	time_t now = time(NULL);

	if (now != ledger->second)
		ledger->in_second = 0;
	ledger->second = now;
	return ledger->counts.conf->rate && ++ledger->in_second > ledger->counts.conf->rate;
}

static int32_t judge(struct ledger *ledger, const spore_auth_request *rq)
{
	const struct conf *conf = ledger->counts.conf;
	int32_t verdict = probe_verdicts[conf->verdict];

	ledger->counts.asked++;
	if (conf->answer && !probe_same(rq->answer, spore_cstr(conf->answer)))
		return SPORE_DENY;
	if (rq->purpose == SPORE_AUTH_DATA)
		return verdict;
	ledger->counts.renewals += rq->purpose == SPORE_AUTH_RENEW;
	pthread_mutex_lock(&ledger->lock);
	if (is_too_fast(ledger))
		verdict = SPORE_EBUSY;
	else if (conf->once && rq->purpose == SPORE_AUTH_RENEW && rq->same_instance)
		verdict = probe_same(rq->identity, spore_cstr("once")) ? SPORE_ALLOW : SPORE_DENY;
	else if (conf->once && is_used(ledger, rq->answer))
		verdict = SPORE_DENY;
	pthread_mutex_unlock(&ledger->lock);
	return verdict;
}

static uint64_t next_session(struct ledger *ledger)
{
	uint64_t session;

	pthread_mutex_lock(&ledger->lock);
	session = ++ledger->sessions;
	pthread_mutex_unlock(&ledger->lock);
	return session;
}

/* The record comes first: the end may come before complete_verify() returns. */
static void complete(struct ledger *ledger, spore_ticket ticket, int32_t verdict, int worker)
{
	spore_auth_result result = { .struct_size = sizeof result,
		                     .identity = spore_cstr("once"),
		                     .session = next_session(ledger) };

	if (verdict == SPORE_ALLOW && !add_record(ledger, ticket, result.session, worker))
		verdict = SPORE_ENOMEM;
	if (verdict != SPORE_ALLOW)
		ledger->counts.host->complete_verify(ticket, verdict, NULL);
	else if (ledger->counts.host->complete_verify(ticket, verdict, &result) == SPORE_OK)
		ledger->counts.allows++;
	else if (take_record(ledger, ticket, &(struct record){ .next = NULL }))
		ledger->counts.stale++;
	else
		ledger->counts.wrong++;
}

struct work {
	struct ledger *ledger;
	spore_ticket ticket;
	int32_t verdict;
	int worker;
};

static void nap(int64_t ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

/* [blocking] */
static void wait_before_verdict(const struct ledger *ledger)
{
	const struct conf *conf = ledger->counts.conf;

	nap(conf->delay);
	while (conf->hold && !atomic_load(&ledger->counts.is_released))
		nap(1);
}

static void run_work(void *arg)
{
	const struct work *work = arg;

	wait_before_verdict(work->ledger);
	complete(work->ledger, work->ticket, work->verdict, work->worker);
}

static int32_t complete_later(const struct state *state, spore_ticket ticket, int32_t verdict)
{
	struct work *work = malloc(sizeof *work);
	spore_status status;

	if (!work)
		return SPORE_ENOMEM;
	*work = (struct work){ state->ledger, ticket, verdict, state->index };
	status = state->ledger->counts.host->offload(state->worker, run_work, free, work);
	if (status == SPORE_OK)
		return SPORE_EPENDING;
	free(work);
	return status;
}

/* The verdict that verify() returns. */
static int32_t give(struct ledger *ledger, spore_ticket ticket, int32_t verdict, int worker)
{
	if (verdict == SPORE_ALLOW && !add_record(ledger, ticket, 0, worker))
		return SPORE_ENOMEM;
	ledger->counts.allows += verdict == SPORE_ALLOW;
	return verdict;
}

static int32_t verify(void *arg, const spore_auth_request *rq, spore_ticket ticket)
{
	struct state *state = arg;
	struct ledger *ledger = state->ledger;
	int32_t verdict = judge(ledger, rq);

	if (rq->purpose == SPORE_AUTH_DATA)
		return verdict;
	if (ledger->counts.conf->how == BY_NOBODY)
		return SPORE_EPENDING;
	if (ledger->counts.conf->how == BY_WORK)
		return complete_later(state, ticket, verdict);
	if (ledger->counts.conf->how == BY_RETURN)
		return give(ledger, ticket, verdict, state->index);
	complete(ledger, ticket, verdict, state->index);
	return SPORE_EPENDING;
}

static int32_t verify_blocking(void *arg, const spore_auth_request *rq, spore_ticket ticket)
{
	struct ledger *ledger = arg;
	int32_t verdict = judge(ledger, rq);

	if (rq->purpose == SPORE_AUTH_DATA)
		return verdict;
	wait_before_verdict(ledger);
	if (ledger->counts.conf->how == BY_RETURN)
		return give(ledger, ticket, verdict, ANY_WORKER);
	complete(ledger, ticket, verdict, ANY_WORKER);
	return SPORE_EPENDING;
}

static spore_status answer(void *arg, const spore_answer_request *rq, spore_ticket ticket)
{
	const struct ledger *ledger = ((struct state *)arg)->ledger;

	(void)rq;
	if (!ledger->counts.conf->say)
		return SPORE_EUNSUPPORTED;
	ledger->counts.host->complete_answer(ticket, SPORE_OK,
	                                     spore_cstr(ledger->counts.conf->say));
	return SPORE_EPENDING;
}

static void session_end(void *arg, const spore_session_end *end)
{
	const struct state *state = arg;
	struct ledger *ledger = state->ledger;
	struct record record;

	ledger->counts.by[end->reason < LEDGER_REASONS ? end->reason : 0]++;
	if (!take_record(ledger, end->ticket, &record) || record.session != end->session ||
	    (record.worker != ANY_WORKER && record.worker != state->index))
		ledger->counts.wrong++;
	ledger->counts.ends++; /* last, since a test waits for it */
}

static const spore_auth_ops ops = {
	.struct_size = sizeof ops,
	.verify = verify,
	.answer = answer,
	.session_end = session_end,
};

static const spore_auth_ops sessions_ops = {
	.struct_size = sizeof sessions_ops,
	.flags = SPORE_AUTHF_RENEWS_BY_SESSION,
	.verify = verify,
	.session_end = session_end,
};

static const spore_auth_ops blocking_ops = {
	.struct_size = sizeof blocking_ops,
	.flags = SPORE_AUTHF_BLOCKING,
	.verify = verify_blocking,
	.session_end = session_end,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_AUTH,
	.name = "ledger",
	.summary = "counts each ALLOW and its end, on the worker",
	.ops = &ops,
	PROBE_ROWS(options),
	.conf_size = sizeof(struct conf),
	.create = create,
	.destroy = destroy,
	.worker_start = worker_start,
	.worker_stop = worker_stop,
};

static const spore_component sessions = {
	.struct_size = sizeof sessions,
	.kind = SPORE_KIND_AUTH,
	.name = "sessions",
	.summary = "as ledger, and renews without an answer",
	.ops = &sessions_ops,
	PROBE_ROWS(options),
	.conf_size = sizeof(struct conf),
	.create = create,
	.destroy = destroy,
	.worker_start = worker_start,
	.worker_stop = worker_stop,
};

static const spore_component blocking = {
	.struct_size = sizeof blocking,
	.kind = SPORE_KIND_AUTH,
	.name = "blocking",
	.summary = "counts each ALLOW and its end, on the pool",
	.ops = &blocking_ops,
	PROBE_ROWS(options),
	.conf_size = sizeof(struct conf),
	.create = create,
	.destroy = destroy,
	.worker_start = worker_start,
	.worker_stop = worker_stop,
};

SPORE_PLUGIN("auth_ledger", "1.0.0", "The Spore authors", "MIT", "", &component, &blocking,
             &sessions);
