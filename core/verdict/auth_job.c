#include "verdict/auth_job.h"

#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/crypto.h"
#include "chain/plugin_set.h"
#include "host/ticket.h"
#include "loop/loop.h"
#include "loop/pool.h"
#include "net/stream.h"
#include "services/host.h"
#include "thread/guest.h"
#include "wire/about.h"

static const spore_auth_ops *ops_of(const struct instance *instance)
{
	return instance->component->ops;
}

bool auth_job_is_needed(const struct instance *instance)
{
	return ops_of(instance)->flags & SPORE_AUTHF_BLOCKING;
}

struct auth_job {
	struct pool_job job;
	struct spore_worker *worker; /* entered, so that the instance does not stop */
	spore_ticket ticket;
	struct auth_question question;
	struct auth_origin origin;
	struct allowance *allowance; /* held; NULL: an ALLOW has no end */
	struct spore_conn *conn;     /* owned copy */
	struct about about;          /* owned copy */
	bool verify;                 /* verify() is called; false: answer() */
	bool allowed;                /* verify() has returned SPORE_ALLOW */
	char texts[];                /* copies: the answer, the identity */
};

static void free_job(struct auth_job *job)
{
	if (!job)
		return;
	conn_copy_free(job->conn);
	about_fini(&job->about);
	crypto_wipe(job->texts, strlen(job->texts)); /* the answer, which comes first */
	free(job);
}

static void finish_job(struct auth_job *job)
{
	struct spore_worker *worker = job->worker;
	struct allowance *allowance = job->allowance;
	bool allowed = job->allowed;

	free_job(job);
	allowance_settle(allowance, allowed, worker);
}

static void run_verify(struct auth_job *job, const struct instance *instance)
{
	struct about_view view;
	spore_auth_request rq = auth_request_verify(&job->question, &job->origin, job->conn, &view);
	int32_t verdict = ops_of(instance)->verify(instance->self, &rq, job->ticket);

	job->allowed = verdict == SPORE_ALLOW;
	if (verdict != SPORE_EPENDING)
		ticket_complete(job->ticket, TICKET_VERIFY,
		                &(struct ticket_result){ .status = verdict });
}

static void run_answer(struct auth_job *job, const struct instance *instance)
{
	spore_answer_request rq = auth_request_answer(&job->question, job->conn);
	spore_status status = ops_of(instance)->answer(instance->self, &rq, job->ticket);

	if (status != SPORE_EPENDING)
		host_table()->complete_answer(job->ticket, status < 0 ? status : SPORE_EINVAL,
		                              (spore_str){ NULL, 0 });
}

static void run_job(struct pool_job *pool_job)
{
	struct auth_job *job = CONTAINER_OF(pool_job, struct auth_job, job);
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

/* NULL: out of memory. */
static struct auth_job *make_job(const struct instance *instance, const struct auth_question *q,
                                 spore_ticket ticket)
{
	const char *answer = q->answer ? q->answer : "";
	struct auth_origin origin = auth_request_origin(q, instance);
	size_t answer_size = strlen(answer) + 1, identity_size = strlen(origin.identity) + 1;
	struct auth_job *job = calloc(1, sizeof *job + answer_size + identity_size);

	if (!job)
		return NULL;
	if (q->about && !about_copy(q->about, &job->about)) {
		free(job);
		return NULL;
	}
	job->job.run = run_job;
	job->worker = &instance->workers[loop_index(stream_loop(q->stream))];
	job->ticket = ticket;
	job->question = *q;
	job->question.answer = memcpy(job->texts, answer, answer_size);
	job->question.about = &job->about;
	job->origin = origin;
	job->origin.identity = memcpy(job->texts + answer_size, origin.identity, identity_size);
	job->conn = copy_facts(q);
	return job;
}

/* allowance: NULL, or held while the job lasts. */
static spore_status submit_job(struct instance *instance, const struct auth_question *q,
                               spore_ticket ticket, bool verify, struct allowance *allowance)
{
	struct pool *pool = instance_pool(instance);
	struct auth_job *job = make_job(instance, q, ticket);

	if (!job || !pool || !job->conn || !instance_enter(job->worker)) {
		free_job(job);
		return SPORE_ENOMEM;
	}
	job->verify = verify;
	job->allowance = allowance;
	if (allowance)
		allowance_hold(allowance);
	if (pool_submit(pool, &job->job))
		return SPORE_EPENDING;
	finish_job(job);
	return SPORE_EBUSY;
}

spore_status auth_job_verify(struct instance *instance, const struct auth_question *question,
                             spore_ticket ticket, struct allowance *allowance)
{
	return submit_job(instance, question, ticket, true, allowance);
}

spore_status auth_job_answer(struct instance *instance, const struct auth_question *question,
                             spore_ticket ticket)
{
	return submit_job(instance, question, ticket, false, NULL);
}
