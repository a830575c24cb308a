/* auth_blocking - sleeps in verify() and answer(), as plain blocking code does.
 *
 * In the end it logs how many of its calls ran at once at most. */
#include <stdatomic.h>
#include <time.h>

#include "probe.h"

struct conf {
	spore_str answer;
	int64_t sleep, verdict;
	uint32_t ticket;
	const char *fact;
};

static const spore_option options[] = {
	SPORE_SECRET(struct conf, answer, SPORE_OPTF_REQUIRED, "what a client must say, and says"),
	SPORE_DURATION(struct conf, sleep, 0, "0.05", 0, 60000, "time that a call takes"),
	SPORE_ENUM(struct conf, verdict, 0, "\"allow\"", PROBE_VERDICTS, "on a right answer"),
	SPORE_BOOL(struct conf, ticket, 0, NULL,
	           "complete the ticket instead of returning the verdict"),
	SPORE_STRING(struct conf, fact, 0, NULL, "log this fact about the connection"),
};

struct instance {
	PROBE_FIELDS;
	atomic_int running, most;
};

static spore_status create(const spore_create_args *args, void **instance_out)
{
	struct instance *instance = PROBE_NEW(struct instance, args);

	if (!instance)
		return SPORE_ENOMEM;
	*instance_out = instance;
	return SPORE_OK;
}

static void destroy(void *arg)
{
	struct instance *instance = arg;

	probe_log(instance->host, instance->ctx, "at once", "most", instance->most);
	free(instance);
}

static void sleep_counted(struct instance *instance)
{
	int64_t ms = instance->conf->sleep;
	struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };
	int running = atomic_fetch_add(&instance->running, 1) + 1, most = instance->most;

	while (running > most && !atomic_compare_exchange_weak(&instance->most, &most, running))
		;
	nanosleep(&pause, NULL);
	atomic_fetch_sub(&instance->running, 1);
}

static void log_fact(const struct instance *instance, const spore_conn *conn)
{
	spore_kv field = { spore_cstr("value"), { NULL, 0 } };

	if (!instance->conf->fact)
		return;
	if (!instance->host->conn_attr(conn, instance->conf->fact, 0, &field.value))
		field.value = spore_cstr("absent");
	instance->host->log(instance->ctx, SPORE_LOG_INFO, spore_cstr("fact"), &field, 1);
}

static int32_t verify(void *arg, const spore_auth_request *rq, spore_ticket ticket)
{
	struct instance *instance = arg;
	int32_t verdict = SPORE_DENY;

	sleep_counted(instance);
	log_fact(instance, rq->conn);
	if (probe_same(rq->answer, instance->conf->answer))
		verdict = probe_verdicts[instance->conf->verdict];
	if (!instance->conf->ticket)
		return verdict;
	probe_log(instance->host, instance->ctx, "completed", "status",
	          instance->host->complete_verify(ticket, verdict, NULL));
	return SPORE_EPENDING;
}

static spore_status answer(void *arg, const spore_answer_request *rq, spore_ticket ticket)
{
	struct instance *instance = arg;

	(void)rq;
	sleep_counted(instance);
	instance->host->complete_answer(ticket, SPORE_OK, instance->conf->answer);
	return SPORE_EPENDING;
}

static const spore_auth_ops ops = {
	.struct_size = sizeof ops,
	.flags = SPORE_AUTHF_BLOCKING,
	.verify = verify,
	.answer = answer,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_AUTH,
	.name = "blocking",
	.summary = "sleeps in its calls",
	.ops = &ops,
	PROBE_ROWS(options),
	.conf_size = sizeof(struct conf),
	.create = create,
	.destroy = destroy,
};

SPORE_PLUGIN("auth_blocking", "1.0.0", "The Spore authors", "MIT", "", &component);
