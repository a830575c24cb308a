/* auth_services - uses every service of the host once on each worker, and logs what did not work.
 * "services done" on a worker means that everything has ended there.
 *
 * Its verify() asks for a fact that no transport has, and allows everybody. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

struct conf {
	const spore_cfg *tree;
	spore_addr listen;
	uint32_t leak;
	const char *name_to_find;
};

static const spore_option options[] = {
	SPORE_NODE(struct conf, tree, SPORE_OPTF_REQUIRED,
	           "{\"list\": [1, \"two\", true, null], \"pi\": 3.5}"),
	SPORE_ADDR(struct conf, listen, SPORE_OPTF_REQUIRED, NULL,
	           "where a listening socket is asked for"),
	SPORE_BOOL(struct conf, leak, 0, NULL, "leave two timers and a look-up behind"),
	SPORE_STRING(struct conf, name_to_find, 0, "\"localhost\"", "a name that is looked up"),
};

struct instance {
	PROBE_FIELDS;
	uint32_t counter, gauge, histogram;
};

struct state {
	struct instance *instance;
	spore_worker *worker;
	pthread_t home, thread;
	int pipe[2];
	spore_timer once, often;
	spore_io io;
	unsigned ticks, left; /* steps that have not ended yet */
	int worked_elsewhere, worked_after_drain;
};

static void expect(const struct instance *instance, int good, const char *what)
{
	if (!good)
		spore_logf(instance->host, instance->ctx, SPORE_LOG_ERROR, "service failed: %s",
		           what);
}

#define EXPECT(instance, condition) expect((instance), (condition), #condition)

/* ---- in create() ---- */

static void try_tree(const struct instance *in)
{
	const spore_host *h = in->host;
	const spore_cfg *tree = in->conf->tree, *list = h->cfg_get(tree, "list");
	const char *key = NULL;

	EXPECT(in, h->cfg_type(tree) == SPORE_CFG_OBJECT && h->cfg_count(tree) == 2);
	EXPECT(in, h->cfg_type(list) == SPORE_CFG_ARRAY && h->cfg_count(list) == 4);
	EXPECT(in, h->cfg_number(h->cfg_at(list, 0, NULL)) == 1);
	EXPECT(in, strcmp(h->cfg_string(h->cfg_at(list, 1, NULL)), "two") == 0);
	EXPECT(in, h->cfg_bool(h->cfg_at(list, 2, NULL)) == 1);
	EXPECT(in, h->cfg_type(h->cfg_at(list, 3, NULL)) == SPORE_CFG_NULL);
	EXPECT(in, h->cfg_at(list, 4, NULL) == NULL && h->cfg_get(tree, "none") == NULL);
	EXPECT(in, h->cfg_number(h->cfg_at(tree, 1, &key)) == 3.5 && strcmp(key, "pi") == 0);
	EXPECT(in, h->cfg_string(tree) == NULL);
}

static void try_metrics(struct instance *in)
{
	static const char *const labels[] = { "who" };
	static const double bounds[] = { 0.5, 1 };
	spore_metric_spec spec = { .struct_size = sizeof spec,
		                   .type = SPORE_METRIC_COUNTER,
		                   .name = "calls_total",
		                   .help = "Calls.",
		                   .labels = labels,
		                   .n_labels = 1,
		                   .max_series = 2 };
	spore_str who = spore_cstr("me"), nobody = spore_cstr(NULL), you = spore_cstr("you"),
		  them = spore_cstr("them");
	const spore_host *h = in->host;
	uint32_t family = h->metric_family(in->ctx, &spec);

	EXPECT(in, family != 0 && family == h->metric_family(in->ctx, &spec));
	in->counter = h->metric_series(family, &who, 1);
	EXPECT(in, in->counter && in->counter == h->metric_series(family, &who, 1));
	EXPECT(in, h->metric_series(family, &nobody, 1) != in->counter);
	EXPECT(in, h->metric_series(family, &nobody, 1) == h->metric_series(family, &nobody, 1));
	/* Above max_series all series are one, "other". */
	EXPECT(in, h->metric_series(family, &you, 1) == h->metric_series(family, &them, 1));
	EXPECT(in, h->metric_series(family, &you, 1) != h->metric_series(family, &nobody, 1));
	EXPECT(in, h->metric_series(family, NULL, 0) == 0 && h->metric_series(9999, NULL, 0) == 0);
	spec.name = "Not a name";
	EXPECT(in, h->metric_family(in->ctx, &spec) == 0);
	spec = (spore_metric_spec){ .struct_size = sizeof spec,
		                    .type = SPORE_METRIC_GAUGE,
		                    .name = "level" };
	in->gauge = h->metric_series(h->metric_family(in->ctx, &spec), NULL, 0);
	spec = (spore_metric_spec){ .struct_size = sizeof spec,
		                    .type = SPORE_METRIC_HISTOGRAM,
		                    .name = "took",
		                    .unit = "seconds",
		                    .bounds = bounds,
		                    .n_bounds = 2 };
	in->histogram = h->metric_series(h->metric_family(in->ctx, &spec), NULL, 0);
	EXPECT(in, in->gauge && in->histogram);
	h->metric_add(NULL, in->counter, 10);
	h->metric_add(NULL, in->counter, -1);
	h->metric_set(NULL, in->gauge, 100);
	h->metric_observe(NULL, in->histogram, 0.25);
}

static void try_listener(const struct instance *in)
{
	spore_addr nobodys = in->conf->listen;
	int fd = -1, again = -1, on = 0;
	socklen_t len = sizeof on;

	EXPECT(in, in->host->listener_get(in->ctx, &in->conf->listen, &fd) == SPORE_OK && fd >= 0);
	EXPECT(in, in->host->listener_get(in->ctx, &in->conf->listen, &again) == SPORE_OK &&
	                   again == fd);
	EXPECT(in, getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 && on);
	EXPECT(in, accept(fd, NULL, NULL) < 0 && errno == EAGAIN);
	memcpy(nobodys.ip + 12, (uint8_t[]){ 240, 0, 0, 1 }, 4); /* not an address of any machine */
	EXPECT(in, in->host->listener_get(in->ctx, &nobodys, &again) == SPORE_ESYS &&
	                   errno == EADDRNOTAVAIL);
}

static void try_parser(const struct instance *in)
{
	spore_cfg *tree = NULL;
	char error[128] = "";
	const spore_host *h = in->host;

	EXPECT(in, h->cfg_parse(in->ctx, spore_cstr("{\"ports\": [1, 2, 3]}"), &tree, error,
	                        sizeof error) == SPORE_OK);
	EXPECT(in, h->cfg_number(h->cfg_at(h->cfg_get(tree, "ports"), 2, NULL)) == 3);
	h->cfg_free(tree);
	h->cfg_free(NULL);
	EXPECT(in, h->cfg_parse(in->ctx, spore_cstr("{\n \"a\": ?}"), &tree, error, sizeof error) ==
	                   SPORE_EINVAL);
	EXPECT(in, tree == NULL && strcmp(error, "line 2, column 7: expected a value") == 0);
	EXPECT(in, h->cfg_parse(in->ctx, spore_cstr(NULL), &tree, NULL, 9) == SPORE_EINVAL);
}

static void try_digests(const struct instance *in)
{
	static const uint8_t abc[32] = { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
		                         0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
		                         0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
		                         0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad };
	uint8_t digest[32], mac[32], again[32];
	const spore_host *h = in->host;

	EXPECT(in, h->sha256("abc", 3, digest) == SPORE_OK && h->equal(digest, abc, 32) == 1);
	EXPECT(in, h->hmac_sha256("key", 3, "abc", 3, mac) == SPORE_OK);
	EXPECT(in, h->hmac_sha256("kez", 3, "abc", 3, again) == SPORE_OK);
	EXPECT(in, h->equal(mac, again, 32) == 0 && h->equal(mac, again, 0) == 1);
	EXPECT(in, h->wall_ms() / 1000 >= time(NULL) - 1 && h->wall_ms() / 1000 <= time(NULL));
}

static void try_state(const struct instance *in)
{
	static const char large[1024 * 1024];
	const spore_host *h = in->host;
	spore_str out;

	EXPECT(in, h->state_get(in->ctx, "a", &out) == 0 && out.len == 0);
	EXPECT(in, h->state_put(in->ctx, "a", spore_cstr("one")) == SPORE_OK);
	EXPECT(in, h->state_put(in->ctx, "a", spore_cstr("two")) == SPORE_OK);
	EXPECT(in, h->state_get(in->ctx, "a", &out) == 1 && probe_same(out, spore_cstr("two")));
	EXPECT(in, h->state_put(in->ctx, "b", (spore_str){ large, sizeof large }) == SPORE_EBUSY);
	EXPECT(in, h->state_put(in->ctx, "", spore_cstr("x")) == SPORE_EINVAL);
	EXPECT(in, h->state_put(in->ctx, "a", spore_cstr("")) == SPORE_OK);
	EXPECT(in, h->state_get(in->ctx, "a", &out) == 0);
}

static void try_simple_ones(const struct instance *in)
{
	uint8_t a[32] = { 0 }, b[32] = { 0 };
	spore_kv fields[2] = { { spore_cstr("text"), spore_cstr("a\nb\x1b") },
		               { spore_cstr("none"), { NULL, 0 } } };

	EXPECT(in,
	       in->host->abi_major == SPORE_ABI_MAJOR && in->host->abi_minor >= SPORE_ABI_MINOR);
	EXPECT(in, strcmp(in->host->name, "spore") == 0 && in->host->version[0]);
	EXPECT(in, in->host->random(a, sizeof a) == SPORE_OK &&
	                   in->host->random(b, sizeof b) == SPORE_OK);
	EXPECT(in, memcmp(a, b, sizeof a) != 0);
	EXPECT(in, in->host->now_ms() > 0);
	EXPECT(in, in->host->log_enabled(in->ctx, SPORE_LOG_ERROR) &&
	                   !in->host->log_enabled(in->ctx, SPORE_LOG_TRACE));
	in->host->log(in->ctx, SPORE_LOG_WARN, spore_cstr("two\nlines"), fields, 2);
	EXPECT(in, in->host->get_extension("spore.none/1") == NULL);
	EXPECT(in,
	       in->host->auth_revalidate(in->ctx, spore_cstr(NULL), SPORE_DENY, NULL) == SPORE_OK);
	EXPECT(in, in->host->auth_revalidate(in->ctx, spore_cstr("x"), SPORE_NEXT, NULL) ==
	                   SPORE_EINVAL);
	EXPECT(in, in->host->complete_verify(0, SPORE_ALLOW, NULL) == SPORE_ESTALE);
	EXPECT(in, in->host->complete_handshake((spore_ticket)-1, SPORE_OK) == SPORE_ESTALE);
	EXPECT(in, in->host->timer_stop((spore_timer){ 0 }) == SPORE_OK);
	EXPECT(in, in->host->io_stop((spore_io){ 0 }) == SPORE_OK);
	EXPECT(in, in->host->resolve_stop((spore_resolve){ 0 }) == SPORE_OK);
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	struct instance *in = PROBE_NEW(struct instance, args);

	if (!in)
		return SPORE_ENOMEM;
	EXPECT(in, args->role == SPORE_ROLE_SERVER && args->n_workers > 0 && !args->previous);
	EXPECT(in, strcmp(args->instance, "all of it") == 0);
	EXPECT(in, in->host->cfg_get(args->raw, "tree") == in->conf->tree);
	EXPECT(in, !SPORE_HAS(args, point) || args->struct_size >= sizeof *args);
	try_simple_ones(in);
	try_tree(in);
	try_parser(in);
	try_digests(in);
	try_state(in);
	try_metrics(in);
	try_listener(in);
	*instance_out = in;
	return SPORE_OK;
}

/* ---- on each worker ---- */

static void at_home(const struct state *s, const char *what)
{
	expect(s->instance, pthread_equal(pthread_self(), s->home), what);
}

static void step_ended(struct state *s)
{
	if (--s->left == 0)
		probe_log(s->instance->host, s->instance->ctx, "services done", "worker",
		          s->instance->host->worker_index(s->worker));
}

static void on_once(void *arg)
{
	struct state *s = arg;

	at_home(s, "the timer's thread");
	s->instance->host->timer_stop(s->once); /* inside its own callback */
	s->once.id = 0;
	step_ended(s);
}

static void on_often(void *arg)
{
	struct state *s = arg;

	if (++s->ticks < 3)
		return;
	s->instance->host->timer_stop(s->often);
	s->often.id = 0;
	step_ended(s);
}

static void on_pipe(void *arg, uint32_t events)
{
	struct state *s = arg;
	char byte;

	at_home(s, "the watcher's thread");
	EXPECT(s->instance, events == SPORE_READ && read(s->pipe[0], &byte, 1) == 1 && byte == 'x');
	s->instance->host->io_stop(s->io);
	s->io.id = 0;
	step_ended(s);
}

static void on_post(void *arg)
{
	struct state *s = arg;
	spore_str none;

	at_home(s, "the post's thread");
	EXPECT(s->instance, write(s->pipe[1], "x", 1) == 1);
	EXPECT(s->instance, s->instance->host->state_get(s->instance->ctx, "a", &none) == 0);
	EXPECT(s->instance,
	       s->instance->host->state_put(s->instance->ctx, "a", spore_cstr("late")) == SPORE_OK);
	s->instance->host->io_update(s->io, SPORE_READ); /* it waited for nothing so far */
	step_ended(s);
}

static void *thread_main(void *arg)
{
	struct state *s = arg;
	const struct instance *in = s->instance;

	spore_status status = s->instance->host->post(s->worker, on_post, s);

	/* Stale if the process ends before this thread runs. */
	EXPECT(s->instance, status == SPORE_OK || status == SPORE_ESTALE);
	spore_logf(s->instance->host, s->instance->ctx, SPORE_LOG_DEBUG, "a line from a thread");
	in->host->metric_add(NULL, in->counter, 100);
	return NULL;
}

static void work(void *arg)
{
	struct state *s = arg;

	s->worked_elsewhere = !pthread_equal(pthread_self(), s->home);
	s->instance->host->metric_add(NULL, s->instance->counter, 1000);
}

static void on_worked(void *arg)
{
	struct state *s = arg;

	at_home(s, "the thread after an offload");
	EXPECT(s->instance, s->worked_elsewhere);
	step_ended(s);
}

static void on_found(void *arg, spore_status status, const spore_addr *addrs, size_t n)
{
	struct state *s = arg;

	at_home(s, "the look-up's thread");
	EXPECT(s->instance,
	       status == SPORE_OK && n >= 1 && addrs[0].port == 8080 && addrs[0].family >= 4);
	step_ended(s);
}

static void on_not_found(void *arg, spore_status status, const spore_addr *addrs, size_t n)
{
	struct state *s = arg;

	(void)addrs;
	EXPECT(s->instance, status == SPORE_EBACKEND && n == 0);
	step_ended(s);
}

static void never(void *arg)
{
	const struct state *s = arg;

	expect(s->instance, 0, "something ran that was stopped");
}

static void never_found(void *arg, spore_status status, const spore_addr *addrs, size_t n)
{
	(void)status;
	(void)addrs;
	(void)n;
	never(arg);
}

static void begin_steps(struct state *s)
{
	const struct instance *in = s->instance;
	const spore_host *h = in->host;
	spore_timer stopped;
	spore_resolve found, forgotten;

	s->left = 7;
	EXPECT(in, h->timer_start(s->worker, 1, 1, never, s, &stopped) == SPORE_OK);
	EXPECT(in, h->timer_stop(stopped) == SPORE_OK);
	EXPECT(in, h->timer_start(s->worker, 60000, 0, on_once, s, &s->once) == SPORE_OK);
	EXPECT(in, h->timer_update(s->once, 1, 0) == SPORE_OK);
	EXPECT(in, h->timer_start(s->worker, 1, 1, on_often, s, &s->often) == SPORE_OK);
	EXPECT(in, h->io_start(s->worker, s->pipe[0], 0, on_pipe, s, &s->io) == SPORE_OK);
	EXPECT(in, h->offload(s->worker, work, on_worked, s) == SPORE_OK);
	EXPECT(in, h->resolve(s->worker, in->conf->name_to_find, 8080, on_found, s, &found) ==
	                   SPORE_OK);
	EXPECT(in, h->resolve(s->worker, "no such name.invalid", 80, on_not_found, s, &found) ==
	                   SPORE_OK);
	EXPECT(in, h->resolve(s->worker, in->conf->name_to_find, 1, never_found, s, &forgotten) ==
	                   SPORE_OK);
	EXPECT(in, h->resolve_stop(forgotten) == SPORE_OK);
	h->metric_add(s->worker, in->counter, 2);
	h->metric_set(s->worker, in->gauge, 5);
	h->metric_observe(s->worker, in->histogram, 0.75);
	EXPECT(in, pthread_create(&s->thread, NULL, thread_main, s) == 0);
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
	s->home = pthread_self();
	if (pipe2(s->pipe, O_CLOEXEC | O_NONBLOCK) < 0) {
		free(s);
		return SPORE_ESYS;
	}
	begin_steps(s);
	*state_out = s;
	return SPORE_OK;
}

static void on_drained(void *arg)
{
	struct state *s = arg;

	s->worked_after_drain = 1;
}

static void worker_drain(void *arg)
{
	struct state *s = arg;

	at_home(s, "the drain's thread");
	EXPECT(s->instance, s->instance->host->post(s->worker, on_drained, s) == SPORE_OK);
}

static void worker_stop(void *arg)
{
	struct state *s = arg;
	const spore_host *h = s->instance->host;

	at_home(s, "the stop's thread");
	EXPECT(s->instance, s->worked_after_drain);
	EXPECT(s->instance, h->post(s->worker, never, s) == SPORE_ESTALE);
	EXPECT(s->instance, h->offload(s->worker, never, never, s) == SPORE_ESTALE);
	pthread_join(s->thread, NULL);
	h->timer_stop(s->once);
	h->timer_stop(s->often);
	h->io_stop(s->io);
	if (s->instance->conf->leak) {
		h->timer_start(s->worker, 60000, 0, never, NULL, &s->once);
		h->timer_start(s->worker, 60000, 0, never, NULL, &s->once);
		h->resolve(s->worker, s->instance->conf->name_to_find, 1, never_found, NULL,
		           &(spore_resolve){ 0 });
	}
	close(s->pipe[0]);
	close(s->pipe[1]);
	free(s);
}

static int32_t verify(void *arg, const spore_auth_request *rq, spore_ticket ticket)
{
	const struct state *s = arg;
	spore_str value;

	(void)ticket;
	EXPECT(s->instance, s->instance->host->conn_attr(rq->conn, "tls.version", 0, &value) == 0);
	EXPECT(s->instance, rq->channel_binding.len == 0 && rq->secure == 0);
	EXPECT(s->instance,
	       rq->peer->family == 4 && rq->local->family == 4 && rq->local->port != 0);
	EXPECT(s->instance, rq->deadline_ms > s->instance->host->now_ms());
	EXPECT(s->instance,
	       s->instance->host->auth_revalidate(s->instance->ctx, spore_cstr("nobody"),
	                                          SPORE_DENY, NULL) == SPORE_OK);
	EXPECT(s->instance, s->instance->host->auth_revalidate(s->instance->ctx, spore_cstr(NULL),
	                                                       SPORE_ALLOW, NULL) == SPORE_OK);
	return SPORE_ALLOW;
}

static const spore_auth_ops ops = {
	.struct_size = sizeof ops,
	.verify = verify,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_AUTH,
	.name = "services",
	.summary = "uses all that the host lends",
	.ops = &ops,
	PROBE_ROWS(options),
	.conf_size = sizeof(struct conf),
	.create = create,
	.destroy = free,
	.worker_start = worker_start,
	.worker_drain = worker_drain,
	.worker_stop = worker_stop,
};

SPORE_PLUGIN("auth_services", "1.0.0", "The Spore authors", "MIT", "", &component);
