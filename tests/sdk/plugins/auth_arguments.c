/* auth_arguments - passes bad arguments to every function of the host, and logs what was not an
 * error. "arguments done" means that all have been tried there.
 *
 * Its verify() passes the result that the client asks for: the answer is the name of a row of
 * `results`, or "identity=" and an identity. */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <spore/metrics.h>
#include <unistd.h>

#include "probe.h"

struct conf {
	uint32_t leak, storm;
};

static const spore_option options[] = {
	SPORE_BOOL(struct conf, leak, 0, NULL,
	           "close a watched descriptor and stop neither it nor a timer"),
	SPORE_BOOL(struct conf, storm, 0, NULL, "keep timers that are always due"),
};

struct instance {
	PROBE_FIELDS;
	uint32_t gauge;
};

struct state {
	struct instance *instance;
	spore_worker *worker;
	pthread_t thread;
	spore_timer timer; /* of this worker, for the thread */
	spore_timer storms[3];
};

static void expect(const struct instance *instance, int good, const char *what)
{
	if (!good)
		spore_logf(instance->host, instance->ctx, SPORE_LOG_ERROR, "argument accepted: %s",
		           what);
}

#define EXPECT(instance, condition) expect((instance), (condition), #condition)
#define REFUSED(instance, call)     EXPECT(instance, (instance)->host->call == SPORE_EINVAL)

static void on_timer(void *arg)
{
	(void)arg;
}

static void on_ready(void *arg, uint32_t events)
{
	(void)arg;
	(void)events;
}

static void on_done(void *arg, spore_status status, const spore_addr *addrs, size_t n)
{
	(void)arg;
	(void)status;
	(void)addrs;
	(void)n;
}

/* ---- in create() ---- */

static void try_simple_ones(struct instance *in)
{
	const spore_host *h = in->host;
	const spore_ext_metrics *metrics = h->get_extension(SPORE_EXT_METRICS);
	const spore_ext_ready *ready = h->get_extension(SPORE_EXT_READY);
	const spore_kv half = { { NULL, 3 }, { NULL, 3 } };
	uint8_t digest[32];
	char byte;

	EXPECT(in, h->get_extension(NULL) == NULL);
	metrics->visit(NULL, NULL);
	ready->explain(NULL, 9);
	EXPECT(in, !h->log_enabled(in->ctx, INT32_MIN) && h->log_enabled(in->ctx, INT32_MAX));
	h->log(in->ctx, INT32_MAX, (spore_str){ NULL, 9 }, &half, 1);
	h->log(in->ctx, SPORE_LOG_INFO, spore_cstr("fields are NULL"), NULL, 3);
	h->log(NULL, SPORE_LOG_INFO, spore_cstr("nobody's"), NULL, 0);
	REFUSED(in, random(NULL, 1));
	REFUSED(in, random(&byte, SIZE_MAX));
	REFUSED(in, sha256(NULL, 1, digest));
	REFUSED(in, sha256("x", 1, NULL));
	REFUSED(in, hmac_sha256(NULL, 1, "x", 1, digest));
	EXPECT(in, !h->equal(NULL, digest, sizeof digest));
	EXPECT(in, h->worker_index(NULL) == UINT32_MAX);
	EXPECT(in, h->cfg_get(in->host->cfg_get(NULL, "x"), NULL) == NULL);
	EXPECT(in, h->cfg_type(NULL) == SPORE_CFG_NULL && h->cfg_count(NULL) == 0);
	EXPECT(in, h->cfg_at(NULL, 7, NULL) == NULL && h->cfg_string(NULL) == NULL);
	EXPECT(in, h->cfg_number(NULL) == 0 && h->cfg_bool(NULL) == 0);
}

static void try_texts(struct instance *in)
{
	static const char key[] =
		"a key of more than 63 bytes, which is more than the host accepts";
	spore_str text = spore_cstr("1"), bad = { NULL, 3 };
	spore_cfg *tree;

	REFUSED(in, cfg_parse(NULL, text, &tree, NULL, 0));
	REFUSED(in, cfg_parse(in->ctx, text, NULL, NULL, 0));
	REFUSED(in, cfg_parse(in->ctx, bad, &tree, NULL, 0));
	EXPECT(in, tree == NULL);
	in->host->cfg_free(NULL);
	REFUSED(in, state_put(NULL, "key", text));
	REFUSED(in, state_put(in->ctx, NULL, text));
	REFUSED(in, state_put(in->ctx, "key", bad));
	REFUSED(in, state_put(in->ctx, key, text));
	EXPECT(in, in->host->state_get(in->ctx, NULL, &text) == 0);
	EXPECT(in, in->host->state_get(in->ctx, "key", NULL) == 0);
}

static void try_listener(const struct instance *in)
{
	spore_addr bad = { .family = 77 };
	int fd;

	REFUSED(in, listener_get(NULL, &bad, &fd));
	REFUSED(in, listener_get(in->ctx, NULL, &fd));
	REFUSED(in, listener_get(in->ctx, &bad, NULL));
	REFUSED(in, listener_get(in->ctx, &bad, &fd));
	bad.family = 4; /* without the prefix of an IPv4 address */
	REFUSED(in, listener_get(in->ctx, &bad, &fd));
}

static void try_files_and_state(const struct instance *in)
{
	spore_str bad = { NULL, 3 };

	REFUSED(in, file_watch(NULL, "x"));
	REFUSED(in, file_watch(in->ctx, NULL));
	REFUSED(in, file_watch(in->ctx, ""));
	REFUSED(in, state_show(NULL, spore_cstr("x")));
	REFUSED(in, state_show(in->ctx, bad));
}

static void try_metrics(struct instance *in)
{
	static const char *const labels[] = { "who" };
	static char long_text[1025];
	spore_metric_spec spec = { .struct_size = sizeof spec,
		                   .type = SPORE_METRIC_GAUGE,
		                   .name = "level",
		                   .labels = labels,
		                   .n_labels = 1 };
	spore_str good = spore_cstr("me"), bad = { NULL, 4 }, big = { long_text, sizeof long_text };
	const spore_host *h = in->host;
	uint32_t family = h->metric_family(in->ctx, &spec);

	EXPECT(in, family != 0);
	in->gauge = h->metric_series(family, &good, 1);
	EXPECT(in, in->gauge != 0);
	EXPECT(in, h->metric_family(in->ctx, NULL) == 0);
	spec.labels = NULL;
	EXPECT(in, h->metric_family(in->ctx, &spec) == 0);
	spec = (spore_metric_spec){ .struct_size = 4 };
	EXPECT(in, h->metric_family(in->ctx, &spec) == 0);
	EXPECT(in, h->metric_series(family, NULL, 1) == 0);
	EXPECT(in, h->metric_series(family, &bad, 1) == 0);
	EXPECT(in, h->metric_series(family, &big, 1) == 0);
	EXPECT(in, h->metric_series(family, &good, 0) == 0);
	EXPECT(in, h->metric_series(12345, &good, 1) == 0);
	EXPECT(in, h->metric_series(0, NULL, 0) == 0);
}

static void try_revalidation(const struct instance *in)
{
	const spore_auth_result bad = { .struct_size = 0 };

	REFUSED(in, auth_revalidate(in->ctx, spore_cstr("x"), SPORE_NEXT, NULL));
	REFUSED(in, auth_revalidate(in->ctx, spore_cstr("x"), 1, NULL));
	REFUSED(in, auth_revalidate(in->ctx, (spore_str){ NULL, 3 }, SPORE_DENY, NULL));
	REFUSED(in, auth_revalidate(in->ctx, spore_cstr("a\nb"), SPORE_DENY, NULL));
	REFUSED(in, auth_revalidate(in->ctx, spore_cstr("x"), SPORE_ALLOW, &bad));
	REFUSED(in, auth_revalidate(NULL, spore_cstr("x"), SPORE_DENY, NULL));
	REFUSED(in, auth_revalidate_session(in->ctx, spore_cstr("x"), 1, SPORE_NEXT, NULL));
	REFUSED(in, auth_revalidate_session(in->ctx, spore_cstr("x"), 1, SPORE_ALLOW, &bad));
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	struct instance *in = PROBE_NEW(struct instance, args);

	if (!in)
		return SPORE_ENOMEM;
	try_simple_ones(in);
	try_texts(in);
	try_listener(in);
	try_files_and_state(in);
	try_metrics(in);
	try_revalidation(in);
	*instance_out = in;
	return SPORE_OK;
}

/* ---- on each worker ---- */

static void try_timers(const struct state *s)
{
	const struct instance *in = s->instance;
	const spore_host *h = in->host;
	spore_timer timer = { 5 }, twice;

	REFUSED(in, timer_start(NULL, 1, 0, on_timer, NULL, &timer));
	EXPECT(in, timer.id == 0);
	REFUSED(in, timer_start(s->worker, 1, 0, NULL, NULL, &timer));
	REFUSED(in, timer_start(s->worker, 1, 0, on_timer, NULL, NULL));
	REFUSED(in, timer_start(s->worker, -5, 0, on_timer, NULL, &timer));
	REFUSED(in, timer_start(s->worker, 5, -5, on_timer, NULL, &timer));
	EXPECT(in,
	       h->timer_start(s->worker, INT64_MAX, INT64_MAX, on_timer, NULL, &timer) == SPORE_OK);
	REFUSED(in, timer_update(timer, -1, 0));
	REFUSED(in, io_stop((spore_io){ timer.id }));
	EXPECT(in, h->timer_stop(timer) == SPORE_OK);
	EXPECT(in, h->timer_stop(timer) == SPORE_ESTALE);
	EXPECT(in, h->timer_start(s->worker, 60000, 0, on_timer, NULL, &twice) == SPORE_OK);
	EXPECT(in, h->timer_stop(timer) == SPORE_ESTALE); /* not the other one, in its place */
	EXPECT(in, h->timer_update(timer, 1, 0) == SPORE_ESTALE);
	EXPECT(in, h->timer_stop(twice) == SPORE_OK);
	EXPECT(in, h->timer_stop((spore_timer){ UINT64_MAX }) == SPORE_ESTALE);
}

static void try_descriptors(const struct state *s)
{
	const struct instance *in = s->instance;
	int fds[2], file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	const spore_host *h = in->host;
	spore_io io;

	EXPECT(in, pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
	REFUSED(in, io_start(NULL, fds[0], SPORE_READ, on_ready, NULL, &io));
	REFUSED(in, io_start(s->worker, -1, SPORE_READ, on_ready, NULL, &io));
	REFUSED(in, io_start(s->worker, 1000000, SPORE_READ, on_ready, NULL, &io));
	REFUSED(in, io_start(s->worker, fds[0], 64, on_ready, NULL, &io));
	REFUSED(in, io_start(s->worker, fds[0], SPORE_READ, NULL, NULL, &io));
	REFUSED(in, io_start(s->worker, fds[0], SPORE_READ, on_ready, NULL, NULL));
	EXPECT(in,
	       h->io_start(s->worker, file, SPORE_READ, on_ready, NULL, &io) == SPORE_EUNSUPPORTED);
	EXPECT(in, h->io_start(s->worker, fds[0], SPORE_READ, on_ready, NULL, &io) == SPORE_OK);
	REFUSED(in, io_update(io, 64));
	close(fds[0]);
	REFUSED(in, io_update(io, SPORE_WRITE));
	REFUSED(in, io_stop(io));
	EXPECT(in, h->io_stop(io) == SPORE_ESTALE && h->io_update(io, 0) == SPORE_ESTALE);
	EXPECT(in, h->io_start(s->worker, fds[1], SPORE_WRITE, on_ready, NULL, &io) == SPORE_OK);
	EXPECT(in, dup2(file, fds[1]) == fds[1]); /* closes it, and uses its number */
	REFUSED(in, io_stop(io));
	close(fds[1]);
	close(file);
}

static void try_calls(const struct state *s)
{
	const struct instance *in = s->instance;
	const spore_host *h = in->host;
	char name[257];
	spore_resolve resolve;

	memset(name, 'a', sizeof name);
	name[sizeof name - 1] = '\0';
	REFUSED(in, post(NULL, on_timer, NULL));
	REFUSED(in, post(s->worker, NULL, NULL));
	REFUSED(in, offload(NULL, on_timer, on_timer, NULL));
	REFUSED(in, offload(s->worker, NULL, on_timer, NULL));
	REFUSED(in, offload(s->worker, on_timer, NULL, NULL));
	REFUSED(in, resolve(NULL, "x", 1, on_done, NULL, &resolve));
	REFUSED(in, resolve(s->worker, NULL, 1, on_done, NULL, &resolve));
	REFUSED(in, resolve(s->worker, "", 1, on_done, NULL, &resolve));
	REFUSED(in, resolve(s->worker, name, 1, on_done, NULL, &resolve));
	REFUSED(in, resolve(s->worker, "x", 1, NULL, NULL, &resolve));
	REFUSED(in, resolve(s->worker, "x", 1, on_done, NULL, NULL));
	REFUSED(in, resolve_stop((spore_resolve){ s->timer.id }));
	EXPECT(in, h->resolve_stop((spore_resolve){ 1 }) == SPORE_ESTALE);
	REFUSED(in, listener_get(in->ctx, &(spore_addr){ .family = 6 }, &(int){ 0 }));
	REFUSED(in, file_watch(in->ctx, "x"));
	h->metric_add(s->worker, in->gauge + 100000, 1);
	h->metric_set(s->worker, UINT32_MAX, 1);
	h->metric_observe(s->worker, in->gauge, 1);
	h->metric_add(s->worker, 0, 1);
}

static void *thread_main(void *arg)
{
	const struct state *s = arg;
	const struct instance *in = s->instance;
	spore_resolve resolve;
	spore_timer timer;
	spore_io io;

	REFUSED(in, timer_start(s->worker, 1, 0, on_timer, NULL, &timer));
	REFUSED(in, io_start(s->worker, 0, SPORE_READ, on_ready, NULL, &io));
	REFUSED(in, resolve(s->worker, "x", 1, on_done, NULL, &resolve));
	REFUSED(in, timer_stop(s->timer));
	REFUSED(in, timer_update(s->timer, 1, 0));
	return NULL;
}

static void never_ready(void *arg, uint32_t events)
{
	const struct state *s = arg;

	(void)events;
	expect(s->instance, 0, "the next user of a descriptor's number is watched");
}

/* The host finds both after worker_stop(). Its own connections use the number meanwhile. */
static void leak(struct state *s)
{
	spore_timer timer;
	spore_io io;
	int fds[2];

	EXPECT(s->instance, pipe2(fds, O_CLOEXEC) == 0);
	s->instance->host->timer_start(s->worker, 10, 10, on_timer, NULL, &timer);
	s->instance->host->io_start(s->worker, fds[0], SPORE_READ, never_ready, s, &io);
	close(fds[0]);
	close(fds[1]);
}

static void on_storm(void *arg)
{
	struct state *s = arg;

	EXPECT(s->instance, s->instance->host->timer_update(s->storms[0], 0, 0) == SPORE_OK);
}

static void begin_storm(struct state *s)
{
	const struct instance *in = s->instance;
	const spore_host *h = in->host;

	EXPECT(in, h->timer_start(s->worker, 0, 0, on_storm, s, &s->storms[0]) == SPORE_OK);
	EXPECT(in, h->timer_start(s->worker, 1, 1, on_timer, s, &s->storms[1]) == SPORE_OK);
	REFUSED(in, timer_start(s->worker, -5, -5, on_timer, s, &s->storms[2]));
}

static spore_status worker_start(void *instance, spore_worker *worker, spore_ticket ticket,
                                 void **state_out)
{
	struct state *s = calloc(1, sizeof *s);

	(void)ticket;
	if (!s)
		return SPORE_ENOMEM;
	s->instance = instance;
	s->worker = worker;
	s->instance->host->timer_start(worker, 60000, 0, on_timer, NULL, &s->timer);
	try_timers(s);
	try_descriptors(s);
	try_calls(s);
	EXPECT(s->instance, pthread_create(&s->thread, NULL, thread_main, s) == 0);
	pthread_join(s->thread, NULL);
	if (s->instance->conf->leak)
		leak(s);
	if (s->instance->conf->storm)
		begin_storm(s);
	probe_log(s->instance->host, s->instance->ctx, "arguments done", "worker",
	          s->instance->host->worker_index(worker));
	*state_out = s;
	return SPORE_OK;
}

static void worker_stop(void *arg)
{
	struct state *s = arg;

	s->instance->host->timer_stop(s->timer);
	for (int i = 0; i < 3; i++)
		EXPECT(s->instance, s->instance->host->timer_stop(s->storms[i]) == SPORE_OK);
	free(s);
}

/* ---- verdicts ---- */

static const spore_port_range inverted[] = { { 1, 9 }, { 30, 20 } };
static const spore_port_range zero[] = { { 0, 20 } };
static const spore_port_range many[SPORE_AUTH_PORTS_MAX + 1];
static const char long_name[100000] = "a";

#define SIZED .struct_size = sizeof(spore_auth_result)

static const struct {
	const char *name;
	spore_auth_result result;
} results[] = {
	{ "good", { SIZED, .identity = { "x", 1 } } },
	{ "newer", { .struct_size = 100000, .identity = { "x", 1 } } },
	{ "size", { .struct_size = 0, .fields = SPORE_AUTH_F_PORTS } },
	{ "older", { .struct_size = 16 } },
	{ "all_bits", { SIZED, .fields = UINT32_MAX, .life_ms = -1 } },
	{ "life", { SIZED, .fields = SPORE_AUTH_F_LIFE, .life_ms = -1 } },
	{ "no_bit", { SIZED, .max_conns = 3 } },
	{ "no_rate", { SIZED, .fields = SPORE_AUTH_F_RATE_UP } },
	{ "no_ports", { SIZED, .fields = SPORE_AUTH_F_PORTS, .n_ports = 5 } },
	{ "inverted", { SIZED, .fields = SPORE_AUTH_F_PORTS, .ports = inverted, .n_ports = 2 } },
	{ "port_0", { SIZED, .fields = SPORE_AUTH_F_PORTS, .ports = zero, .n_ports = 1 } },
	{ "many_ports",
	  { SIZED, .fields = SPORE_AUTH_F_PORTS, .ports = many, .n_ports = sizeof many / 4 } },
	{ "identity_null", { SIZED, .identity = { NULL, 10 } } },
	{ "identity_long", { SIZED, .identity = { long_name, sizeof long_name } } },
	{ "identity_bytes", { SIZED, .identity = { "a\xff", 2 } } },
	{ "identity_nul", { SIZED, .identity = { "a\0b", 3 } } },
	{ "reason_null", { SIZED, .reason = { NULL, 10 } } },
};

static const spore_auth_result *find_result(spore_str answer)
{
	for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
		if (probe_same(answer, spore_cstr(results[i].name)))
			return &results[i].result;
	}
	return NULL;
}

static void try_connection(const struct instance *in, const spore_auth_request *rq)
{
	const spore_host *h = in->host;
	spore_str value;

	EXPECT(in, h->conn_attr(NULL, "x", 0, &value) == 0);
	EXPECT(in, h->conn_attr(rq->conn, NULL, 0, &value) == 0);
	EXPECT(in, h->conn_attr(rq->conn, "x", 0, NULL) == 0);
	EXPECT(in, h->conn_attr(rq->conn, "x", SIZE_MAX, &value) == 0);
	REFUSED(in, conn_set_peer(NULL, rq->peer));
	REFUSED(in, conn_set_peer((spore_conn *)(uintptr_t)rq->conn, NULL));
	h->conn_wake(NULL);
}

static void try_ticket(const struct instance *in, spore_ticket ticket)
{
	const spore_host *h = in->host;

	REFUSED(in, complete_answer(ticket, SPORE_OK, spore_cstr("x")));
	REFUSED(in, complete_handshake(ticket, SPORE_OK));
	REFUSED(in, complete_start(ticket, SPORE_OK));
	EXPECT(in, h->complete_verify(0, SPORE_DENY, NULL) == SPORE_ESTALE);
	EXPECT(in, h->complete_verify(0x123456789, SPORE_DENY, NULL) == SPORE_ESTALE);
	REFUSED(in, complete_verify(0, 1, NULL));
	REFUSED(in, complete_answer(0, SPORE_OK, (spore_str){ NULL, 1 }));
	REFUSED(in, complete_handshake(0, 1));
}

static int32_t verify(void *arg, const spore_auth_request *rq, spore_ticket ticket)
{
	static const char prefix[] = "identity=";
	const struct state *s = arg;
	const struct instance *in = s->instance;
	const spore_auth_result *result = find_result(rq->answer);
	spore_auth_result named = { SIZED };
	size_t skip = sizeof prefix - 1;

	try_connection(in, rq);
	try_ticket(in, ticket);
	if (!result && rq->answer.len >= skip && memcmp(rq->answer.ptr, prefix, skip) == 0) {
		named.identity = (spore_str){ rq->answer.ptr + skip, rq->answer.len - skip };
		result = &named;
	}
	if (!result)
		return SPORE_DENY;
	probe_log(in->host, in->ctx, "completed", "status",
	          in->host->complete_verify(ticket, SPORE_ALLOW, result));
	EXPECT(in, in->host->complete_verify(ticket, SPORE_ALLOW, NULL) == SPORE_ESTALE);
	return SPORE_EPENDING;
}

static const spore_auth_ops ops = { .struct_size = sizeof ops, .verify = verify };

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_AUTH,
	.name = "arguments",
	.summary = "passes bad arguments",
	.ops = &ops,
	PROBE_ROWS(options),
	.conf_size = sizeof(struct conf),
	.create = create,
	.destroy = free,
	.worker_start = worker_start,
	.worker_stop = worker_stop,
};

SPORE_PLUGIN("auth_arguments", "1.0.0", "The Spore authors", "MIT", "", &component);
