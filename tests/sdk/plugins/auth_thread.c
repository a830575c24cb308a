/* auth_thread - decides on its own thread, which lives from create() to destroy(): longer than the
 * state of any worker. Until its end it also completes old tickets again and again, and logs. Both
 * are legal from any thread at any time. */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "probe.h"

struct conf {
	spore_str answer;
	int64_t delay;
};

static const spore_option options[] = {
	SPORE_SECRET(struct conf, answer, SPORE_OPTF_REQUIRED, "what a client must say"),
	SPORE_DURATION(struct conf, delay, 0, "0.05", 0, 60000, "time until a verdict"),
};

struct question {
	struct question *next;
	spore_ticket ticket;
	int32_t verdict;
	int64_t at_ms;
};

struct instance {
	PROBE_FIELDS;
	pthread_t thread;
	pthread_mutex_t lock;
	struct question *first, **end; /* with the lock held */
	atomic_int stopping;
};

static struct question *take(struct instance *in)
{
	struct question *q;

	pthread_mutex_lock(&in->lock);
	q = in->first;
	if (q && q->at_ms > in->host->now_ms())
		q = NULL;
	if (q) {
		in->first = q->next;
		if (!in->first)
			in->end = &in->first;
	}
	pthread_mutex_unlock(&in->lock);
	return q;
}

static void *thread_main(void *arg)
{
	struct instance *in = arg;
	spore_ticket last = 0;

	while (!atomic_load(&in->stopping)) {
		struct timespec pause = { 0, 1000000 };
		struct question *q = take(in);

		if (in->host->complete_verify(last, SPORE_ALLOW, NULL) != SPORE_ESTALE)
			spore_logf(in->host, in->ctx, SPORE_LOG_ERROR, "completed twice");
		spore_logf(in->host, in->ctx, SPORE_LOG_DEBUG, "the thread is awake");
		if (q) {
			probe_log(in->host, in->ctx, "completed", "status",
			          in->host->complete_verify(q->ticket, q->verdict, NULL));
			last = q->ticket;
			free(q);
		}
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	struct instance *in = PROBE_NEW(struct instance, args);

	if (!in)
		return SPORE_ENOMEM;
	in->end = &in->first;
	pthread_mutex_init(&in->lock, NULL);
	if (pthread_create(&in->thread, NULL, thread_main, in) != 0) {
		pthread_mutex_destroy(&in->lock);
		free(in);
		return SPORE_ESYS;
	}
	*instance_out = in;
	return SPORE_OK;
}

static void destroy(void *arg)
{
	struct instance *in = arg;

	atomic_store(&in->stopping, 1);
	pthread_join(in->thread, NULL);
	while (in->first) {
		struct question *q = in->first;

		in->first = q->next;
		free(q);
	}
	pthread_mutex_destroy(&in->lock);
	free(in);
}

/* All workers share the instance. */
static int32_t verify(void *state, const spore_auth_request *rq, spore_ticket ticket)
{
	struct instance *in = state;
	struct question *q = malloc(sizeof *q);
	int right = probe_same(rq->answer, in->conf->answer);

	if (!q)
		return SPORE_ENOMEM;
	*q = (struct question){ NULL, ticket, right ? SPORE_ALLOW : SPORE_DENY,
		                in->host->now_ms() + in->conf->delay };
	pthread_mutex_lock(&in->lock);
	*in->end = q;
	in->end = &q->next;
	pthread_mutex_unlock(&in->lock);
	return SPORE_EPENDING;
}

static const spore_auth_ops ops = {
	.struct_size = sizeof ops,
	.verify = verify,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_AUTH,
	.name = "thread",
	.summary = "decides on a thread of its own",
	.ops = &ops,
	PROBE_ROWS(options),
	.conf_size = sizeof(struct conf),
	.create = create,
	.destroy = destroy,
};

SPORE_PLUGIN("auth_thread", "1.0.0", "The Spore authors", "MIT", "", &component);
