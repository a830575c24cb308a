#include "chain/auth.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/container.h"
#include "host/host.h"
#include "host/status.h"
#include "host/ticket.h"
#include "log/log.h"
#include "loop/loop.h"
#include "loop/pool.h"
#include "net/stream.h"
#include "thread/guest.h"

enum { BINDING_MAX = 64 };

static const spore_auth_ops *ops_of(const struct instance *instance)
{
	return instance->component->ops;
}

static bool is_blocking(const struct instance *instance)
{
	return ops_of(instance)->flags & SPORE_AUTHF_BLOCKING;
}

static spore_str binding_of(const spore_conn *conn)
{
	spore_str binding = { NULL, 0 };

	if (!conn_attr(conn, SPORE_ATTR_CHANNEL_BINDING, 0, &binding) || binding.len > BINDING_MAX)
		return (spore_str){ NULL, 0 };
	return binding;
}

bool auth_challenge(const struct plugin_set *set, struct stream *stream, struct uuid *challenge_out)
{
	if (!uuid_random(challenge_out))
		return false;
	if (set->binds && binding_of(stream_conn(stream)).len)
		uuid_mark(challenge_out);
	return true;
}

static spore_auth_request verify_request(const struct auth_question *q, const spore_conn *conn)
{
	spore_auth_request rq = {
		.struct_size = sizeof rq,
		.purpose = q->purpose,
		.answer = spore_cstr(q->answer),
		.peer = &conn->peer,
		.local = &conn->local,
		.conn = conn,
		.channel_binding = binding_of(conn),
		.session = q->session,
		.deadline_ms = q->deadline_ms,
		.secure = conn->secure,
	};

	memcpy(rq.challenge, q->challenge, sizeof rq.challenge);
	return rq;
}

static spore_answer_request answer_request(const struct auth_question *q, const spore_conn *conn)
{
	spore_answer_request rq = {
		.struct_size = sizeof rq,
		.purpose = q->purpose,
		.server_name = q->server_name,
		.server = &conn->peer,
		.conn = conn,
		.channel_binding = binding_of(conn),
		.deadline_ms = q->deadline_ms,
		.secure = conn->secure,
	};

	memcpy(rq.challenge, q->challenge, sizeof rq.challenge);
	return rq;
}

/* ---- blocking instances: the same calls, with copies, on the pool of the instance ---- */

struct job {
	struct pool_job job;
	struct spore_worker *worker; /* entered, so that the instance does not stop */
	spore_ticket ticket;
	struct auth_question question;
	struct spore_conn *conn; /* owned copy */
	bool verify;
	char answer[];
};

static void finish_job(struct job *job)
{
	instance_leave(job->worker);
	conn_copy_free(job->conn);
	free(job);
}

static void run_verify(struct job *job, const struct instance *instance)
{
	spore_auth_request rq = verify_request(&job->question, job->conn);
	int32_t verdict = ops_of(instance)->verify(instance->self, &rq, job->ticket);

	if (verdict != SPORE_EPENDING)
		ticket_complete(job->ticket, TICKET_VERIFY,
		                &(struct ticket_result){ .status = verdict });
}

static void run_answer(struct job *job, const struct instance *instance)
{
	spore_answer_request rq = answer_request(&job->question, job->conn);
	spore_status status = ops_of(instance)->answer(instance->self, &rq, job->ticket);

	if (status != SPORE_EPENDING)
		host_table()->complete_answer(job->ticket, status < 0 ? status : SPORE_EINVAL,
		                              (spore_str){ NULL, 0 });
}

static void run_job(struct pool_job *pool_job)
{
	struct job *job = CONTAINER_OF(pool_job, struct job, job);
	struct instance *instance = job->worker->instance;

	/* A client that has left meanwhile must not delay the others. */
	if (!ticket_is_open(job->ticket)) {
		finish_job(job);
		return;
	}
	guest_enter(instance->name, job->verify ? "verify" : "answer");
	(job->verify ? run_verify : run_answer)(job, instance);
	guest_leave();
	finish_job(job);
}

/* Copies the facts that a plugin may ask for, so that the pool's thread does not touch the
 * stream. */
static struct spore_conn *copy_facts(const struct auth_question *q)
{
	static const char *const always[] = { SPORE_ATTR_CHANNEL_BINDING, NULL };
	const struct chain *transports = q->set->chains[CHAIN_TRANSPORT];
	const char *const *keys[CONN_MAX_LAYERS + 1] = { always };
	size_t n = 1;

	for (size_t i = 0; i < transports->n && n <= CONN_MAX_LAYERS; i++) {
		const spore_transport_ops *ops = transports->items[i]->component->ops;

		if (SPORE_CAN(ops, attr_keys))
			keys[n++] = ops->attr_keys;
	}
	return conn_copy(stream_conn(q->stream), keys, n);
}

static spore_status submit_job(struct instance *instance, const struct auth_question *q,
                               spore_ticket ticket, bool verify)
{
	size_t size = strlen(q->answer ? q->answer : "") + 1;
	struct pool *pool = instance_pool(instance);
	struct job *job = calloc(1, sizeof *job + size);
	struct spore_worker *worker = &instance->workers[loop_index(stream_loop(q->stream))];

	if (!job || !pool)
		goto fail;
	*job = (struct job){ { .run = run_job }, worker, ticket, *q, copy_facts(q), verify };
	memcpy(job->answer, q->answer ? q->answer : "", size);
	job->question.answer = job->answer;
	if (!job->conn || !instance_enter(worker))
		goto fail;
	if (pool_submit(pool, &job->job))
		return SPORE_EPENDING;
	instance_leave(worker);
	conn_copy_free(job->conn);
	free(job);
	return SPORE_EBUSY;
fail:
	if (job)
		conn_copy_free(job->conn);
	free(job);
	return SPORE_ENOMEM;
}

/* ---- the chain ---- */

static void on_verify_done(void *arg, struct ticket_result *result);

static struct instance *current_instance(const struct auth_run *run)
{
	const struct chain *chain = run->question.set->chains[CHAIN_AUTH];

	if (run->question.only)
		return run->at == 0 ? run->question.only : NULL;
	return run->at < chain->n ? chain->items[run->at] : NULL;
}

/* The plugin did not return SPORE_EPENDING. True if it has completed its ticket all the same: then
 * that result counts, and the returned value is ignored. */
static bool has_completed_ticket(struct auth_run *run, const struct instance *instance,
                                 int32_t returned)
{
	if (ticket_is_open(run->ticket)) {
		ticket_close(run->ticket);
		run->ticket = 0;
		return false;
	}
	log_error("auth plugin completed its ticket but did not return SPORE_EPENDING",
	          log_str("plugin", instance->name), log_int("returned", returned),
	          log_str("counts", "the ticket's result"));
	return true;
}

static int32_t ask_instance(struct auth_run *run, struct instance *instance)
{
	struct loop *loop = stream_loop(run->question.stream);
	int32_t verdict;

	run->asked_ns = clock_ns();
	run->ticket = ticket_open(loop, TICKET_VERIFY, on_verify_done, run);
	if (!run->ticket)
		return SPORE_ENOMEM;
	if (is_blocking(instance)) {
		verdict = submit_job(instance, &run->question, run->ticket, true);
	} else {
		spore_auth_request rq = verify_request(&run->question,
		                                       stream_conn(run->question.stream));

		guest_enter(instance->name, "verify");
		verdict = ops_of(instance)->verify(instance_state(instance, loop), &rq,
		                                   run->ticket);
		guest_leave();
		meter_call(&instance->meter, loop, AUTH_VERIFY, run->asked_ns);
	}
	return verdict != SPORE_EPENDING && has_completed_ticket(run, instance, verdict)
	               ? SPORE_EPENDING
	               : verdict;
}

/* The verdict of the chain after one instance's verdict; SPORE_NEXT: ask the next instance. */
static int32_t weigh_verdict(struct auth_run *run, struct instance *instance, int32_t verdict)
{
	char text[STATUS_TEXT_SIZE];

	meter_verdict(&instance->meter, stream_loop(run->question.stream), verdict, run->asked_ns);
	if (verdict == SPORE_ALLOW || verdict == SPORE_DENY) {
		run->by = instance;
		return verdict;
	}
	if (verdict == SPORE_NEXT)
		return SPORE_NEXT;
	log_error("auth plugin could not decide", log_str("plugin", instance->name),
	          log_str("status", status_text(verdict, text)),
	          log_str("then", instance->continue_on_error ? "next" : "deny"));
	run->failure = verdict < 0 ? verdict : SPORE_EINVAL;
	return instance->continue_on_error ? SPORE_NEXT : run->failure;
}

/* Asks the instances from run->at on. */
static int32_t ask_chain(struct auth_run *run)
{
	struct instance *instance;

	for (; (instance = current_instance(run)) != NULL; run->at++) {
		int32_t verdict = ask_instance(run, instance);

		if (verdict == SPORE_EPENDING)
			return verdict;
		verdict = weigh_verdict(run, instance, verdict);
		if (verdict != SPORE_NEXT)
			return verdict;
	}
	return run->failure ? run->failure : SPORE_DENY;
}

static void on_verify_done(void *arg, struct ticket_result *result)
{
	struct auth_run *run = arg;
	struct instance *instance = current_instance(run);
	int32_t verdict;

	run->ticket = 0;
	run->grant = result->grant;
	verdict = weigh_verdict(run, instance, result->status);
	if (verdict == SPORE_NEXT) {
		run->at++;
		verdict = ask_chain(run);
	}
	if (verdict != SPORE_EPENDING)
		run->on_verdict(run, verdict);
}

int32_t auth_judge(struct auth_run *run, const struct auth_question *question, auth_fn on_verdict)
{
	auth_cancel(run);
	*run = (struct auth_run){ .question = *question, .on_verdict = on_verdict };
	return ask_chain(run);
}

/* ---- the client ---- */

static void on_answer_done(void *arg, struct ticket_result *result)
{
	struct auth_run *run = arg;

	run->ticket = 0;
	memcpy(run->answer, result->answer, result->answer_len + 1);
	run->on_verdict(run, result->status);
}

spore_status auth_answer(struct auth_run *run, const struct auth_question *question,
                         auth_fn on_verdict)
{
	struct loop *loop = stream_loop(question->stream);
	struct instance *instance = question->set->chains[CHAIN_AUTH]->items[0];
	int64_t asked_ns = clock_ns();
	spore_status status;

	auth_cancel(run);
	*run = (struct auth_run){ .question = *question, .on_verdict = on_verdict, .by = instance };
	run->ticket = ticket_open(loop, TICKET_ANSWER, on_answer_done, run);
	if (!run->ticket)
		return SPORE_ENOMEM;
	if (is_blocking(instance)) {
		status = submit_job(instance, question, run->ticket, false);
	} else {
		spore_answer_request rq = answer_request(question, stream_conn(question->stream));

		guest_enter(instance->name, "answer");
		status = ops_of(instance)->answer(instance_state(instance, loop), &rq, run->ticket);
		guest_leave();
		meter_call(&instance->meter, loop, AUTH_ANSWER, asked_ns);
	}
	return status != SPORE_EPENDING && has_completed_ticket(run, instance, status)
	               ? SPORE_EPENDING
	               : status;
}

void auth_log_late(const struct auth_run *run)
{
	if (run->ticket)
		log_warn("auth plugin gave no verdict in time",
		         log_str("plugin", current_instance(run)->name));
}

void auth_cancel(struct auth_run *run)
{
	if (run->ticket) {
		struct instance *instance = run->by ? run->by : current_instance(run);
		const spore_auth_ops *ops = ops_of(instance);

		struct loop *loop = stream_loop(run->question.stream);

		ticket_close(run->ticket);
		meter_no_verdict(&instance->meter, loop);
		guest_enter(instance->name, "cancel");
		if (SPORE_CAN(ops, cancel))
			ops->cancel(instance_state(instance, loop), run->ticket);
		guest_leave();
		run->ticket = 0;
	}
	grant_free(run->grant);
	run->grant = NULL;
}
