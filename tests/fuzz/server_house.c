#include "server_house.h"

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/container.h"
#include "chain/retirer.h"
#include "chain/set_builder.h"
#include "config/shorthands.h"
#include "fuzz.h"
#include "log/log.h"
#include "log/logline.h"
#include "loop/loop.h"
#include "memory_file.h"
#include "metrics/metrics.h"
#include "net/addr.h"
#include "net/resolve.h"
#include "net/sock.h"
#include "quota/pending.h"
#include "route/names.h"
#include "server/server_worker.h"
#include "services/host.h"
#include "still.h"

/* More than any input needs; a loop that is never quiet spins. */
enum {
	MOST_TURNS = 20000,
	MAX_VISITORS = 4,
	MAX_STRANGERS = 8,
	MAX_LINGERERS = 4,
	MAX_TUNNELS = 3,
	MAX_PENDING = 3,
	MAX_PENDING_EACH = 2,
	MAX_PIPES = 2
};
/* Longer than any deadline. */
enum { STEP_MS = 11000 };

/* ---- the log: each line is made and looked at, none is written (see CMakeLists.txt) ---- */

void __wrap_log_event(enum log_level level, const char *event, const struct log_field *fields,
                      size_t n);

static void check_line(const char *line, size_t len)
{
	FUZZ_CHECK(len > 0 && len <= LOGLINE_MAX && line[len - 1] == '\n');
	for (size_t i = 0; i + 1 < len; i++)
		FUZZ_CHECK((unsigned char)line[i] >= 0x20 && (unsigned char)line[i] < 0x7F);
}

void __wrap_log_event(enum log_level level, const char *event, const struct log_field *fields,
                      size_t n)
{
	char line[LOGLINE_MAX];

	check_line(line, logline_format(LOG_FORMAT_TEXT, 0, level, event, fields, n, line));
	check_line(line, logline_format(LOG_FORMAT_JSON, 0, level, event, fields, n, line));
}

/* ---- the loop ---- */

static void on_turn(struct ev_loop *ev, ev_check *watcher, int events)
{
	struct house *house = watcher->data;

	(void)ev;
	(void)events;
	FUZZ_CHECK(++house->turns < MOST_TURNS);
}

/* Of the lowest priority: it comes when nothing else has anything to do. */
static void on_idle(struct ev_loop *ev, ev_idle *watcher, int events)
{
	struct house *house = watcher->data;

	(void)events;
	house->quiet = true;
	ev_break(ev, EVBREAK_ALL);
}

static void check_counts(const struct house *house)
{
	const struct server_worker *worker = &house->worker;
	unsigned visitors = atomic_load(&house->shared.principals.visitors);

	FUZZ_CHECK(worker->strangers.count <= MAX_STRANGERS);
	FUZZ_CHECK(visitors <= MAX_VISITORS);
	FUZZ_CHECK(worker->relays.count <= visitors);
}

void house_run(struct house *house)
{
	house->turns = 0;
	do {
		house->quiet = false;
		loop_run(house->loop);
	} while (!house->quiet);
	check_counts(house);
}

void house_run_starved(struct house *house)
{
	int lowest_free = dup(STDERR_FILENO);
	struct rlimit files, starved;

	FUZZ_CHECK(lowest_free >= 0 && getrlimit(RLIMIT_NOFILE, &files) == 0);
	close(lowest_free);
	starved = (struct rlimit){ (rlim_t)lowest_free, files.rlim_max };
	FUZZ_CHECK(setrlimit(RLIMIT_NOFILE, &starved) == 0);
	house_run(house);
	FUZZ_CHECK(setrlimit(RLIMIT_NOFILE, &files) == 0);
}

struct house_task {
	struct loop_task task;
	struct house *house;
	void (*fn)(struct house *house, void *arg);
	void *arg;
};

static void run_task(struct loop_task *task)
{
	struct house_task *call = CONTAINER_OF(task, struct house_task, task);

	call->fn(call->house, call->arg);
}

void house_call(struct house *house, void (*fn)(struct house *house, void *arg), void *arg)
{
	struct house_task call = { { .run = run_task }, house, fn, arg };

	loop_post(house->loop, &call.task);
	house_run(house);
}

void house_pass(struct house *house, int64_t ms)
{
	struct visitor visitor;

	still_pass(ms);
	house_run(house);
	/* The main thread's part, every 100 ms. */
	while (pending_take_expired(house->shared.pending, clock_ms(),
	                            server_worker_limits(&house->worker), &visitor))
		visitor_drop(&visitor);
	house_run(house);
}

static void drain_worker(struct house *house, void *unused)
{
	(void)unused;
	server_worker_drain(&house->worker);
}

void house_drain(struct house *house)
{
	atomic_store(&house->shared.draining, true);
	house_call(house, drain_worker, NULL);
}

/* ---- once ---- */

/* 127.64.0.0/10 holds one for each process id there may be. */
static void choose_address(char out[ADDR_TEXT_SIZE])
{
	unsigned pid = (unsigned)getpid();

	snprintf(out, ADDR_TEXT_SIZE, "127.%u.%u.%u", 64 + (pid >> 16 & 63), pid >> 8 & 255,
	         pid & 255);
}

static struct config *load_plan(const struct house_plan *plan, char *address)
{
	char config_flag[] = "--config", address_flag[] = "--bind-addr";
	struct memory_file file = memory_file_new();
	char *argv[] = { config_flag, file.path, address_flag, address };
	struct diag diag = { 0 };
	struct config *config;

	memory_file_fill(&file, plan->config, strlen(plan->config));
	config_load(ROLE_SERVER, sizeof argv / sizeof *argv, argv, &diag, &config);
	diag_print(&diag, stderr);
	FUZZ_CHECK(diag.count == 0);
	close(file.fd);
	return config;
}

static struct plugin_set *furnish(struct house *house, const struct house_plan *plan, char *address)
{
	struct plugin_set_spec spec = { load_plan(plan, address), &house->registry, house->retirer,
		                        1, NULL };
	struct diag diag = { 0 };
	struct plugin_set *set = set_builder_build(&spec, &diag);
	struct patience patience = { .until_ms = INT64_MAX };
	struct err err = { "" };

	diag_print(&diag, stderr);
	FUZZ_CHECK(set && plugin_set_start(set, true, &house->loop, &patience, &err));
	return set;
}

/* Plugins start on a loop that runs on a thread of its own, as in the server; afterwards the target
 * runs it. */
static void furnish_all(struct house *house, char *address)
{
	struct err err = { "" };

	FUZZ_CHECK(house_n_plans <= HOUSE_MAX_PLANS && loop_start(house->loop, &err));
	for (unsigned i = 0; i < house_n_plans; i++)
		house->sets[i] = furnish(house, &house_plans[i], address);
	loop_break(house->loop);
	loop_join(house->loop);
}

static void watch_loop(struct house *house)
{
	struct ev_loop *ev = loop_ev(house->loop);

	ev_check_init(&house->turn, on_turn);
	house->turn.data = house;
	ev_check_start(ev, &house->turn);
	ev_idle_init(&house->idle, on_idle);
	ev_set_priority(&house->idle, EV_MINPRI);
	house->idle.data = house;
	ev_idle_start(ev, &house->idle);
}

/* The target calls server_sessions_revise itself. */
static void ignore_revision(void *arg, const struct revision *revision)
{
	(void)arg, (void)revision;
}

void house_init(struct house *house)
{
	struct host_services services = { .loops = &house->loop,
		                          .n_workers = 1,
		                          .revise = ignore_revision };
	char address[ADDR_TEXT_SIZE];
	struct err err = { "" };

	signal(SIGPIPE, SIG_IGN); /* as process/runtime does */
	/* All levels; the writer's thread is not needed. */
	FUZZ_CHECK(log_start(LOG_TRACE, LOG_FORMAT_TEXT));
	log_stop();
	choose_address(address);
	FUZZ_CHECK(addr_parse_ip(address, &house->address));
	house->loop = loop_new(0, &err);
	house->metrics = services.metrics = metrics_new(2);
	services.resolver = resolver_new();
	house->retirer = house->loop ? retirer_new(house->loop) : NULL;
	FUZZ_CHECK(house->retirer && house->metrics && services.resolver && host_init(&services));
	house->registry = (struct registry){ .loader.get_extension = host_get_extension,
		                             .path = { PLUGIN_DIR, TEST_PLUGIN_DIR },
		                             .n_path = 2 };
	furnish_all(house, address);
	watch_loop(house);
}

/* ---- for each input ---- */

static void note_descriptors(bool is_open[HOUSE_MOST_FDS])
{
	struct pollfd fds[HOUSE_MOST_FDS];

	for (int i = 0; i < HOUSE_MOST_FDS; i++)
		fds[i] = (struct pollfd){ i, 0, 0 };
	FUZZ_CHECK(poll(fds, HOUSE_MOST_FDS, 0) >= 0);
	for (int i = 0; i < HOUSE_MOST_FDS; i++)
		is_open[i] = !(fds[i].revents & POLLNVAL);
}

static struct sockets listen_for_clients(const struct plugin_set *set)
{
	const struct server_settings *settings = &set->config->settings.server;
	struct sock_sizes sizes = { (int)settings->sndbuf, (int)settings->recbuf };
	struct sockets sockets;
	struct err err;
	size_t at_fault;

	FUZZ_CHECK(sock_listen_all(&settings->bind_addr, (uint16_t)settings->control_port, false,
	                           false, &sizes, &sockets, &at_fault, &err));
	return sockets;
}

static struct limits limits_of(const struct plugin_set *set)
{
	struct limits limits = { .settings = set->config->settings.limits,
		                 .places = MAX_TUNNELS + MAX_VISITORS,
		                 .strangers = MAX_STRANGERS,
		                 .scarce_fd = HOUSE_MOST_FDS,
		                 .lingerers = MAX_LINGERERS,
		                 .pipes = MAX_PIPES };

	limits.settings.max_pending = MAX_PENDING;
	limits.settings.max_pending_per_tunnel = MAX_PENDING_EACH;
	limits.settings.max_tunnels = MAX_TUNNELS;
	limits.settings.max_relays = MAX_VISITORS;
	return limits;
}

void house_open(struct house *house, unsigned plan)
{
	struct server_shared *shared = &house->shared;
	struct limits limits = limits_of(house->sets[plan]);
	struct server_worker_terms terms = { .set = house->sets[plan], .limits = &limits };

	note_descriptors(house->is_open);
	house->plan = &house_plans[plan];
	house->set = house->sets[plan];
	*shared = (struct server_shared){ .pending = pending_new(&shared->gate),
		                          .names = names_new(),
		                          .sources = source_table_new() };
	FUZZ_CHECK(shared->pending && shared->sources && shared->names);
	gate_init(&shared->gate);
	principal_table_init(&shared->principals, 1);
	share_table_init(&shared->shares);
	stats_init(&shared->stats, house->metrics);
	terms.sockets = listen_for_clients(terms.set);
	FUZZ_CHECK(server_worker_open(&house->worker, shared, house->loop, &terms));
	house_run(house);
}

static bool has_no_sessions(const struct server_worker *worker)
{
	for (int i = 0; i < SESSION_LISTS; i++) {
		FUZZ_CHECK(list_is_empty(&worker->sessions[i].all) ==
		           (worker->sessions[i].count == 0));
		if (worker->sessions[i].count > 0)
			return false;
	}
	return true;
}

static bool is_empty(const struct house *house)
{
	const struct server_worker *worker = &house->worker;

	return has_no_sessions(worker) && list_is_empty(&worker->lingerers.all) &&
	       worker->strangers.count == 0 && worker->relays.count == 0 &&
	       pending_is_empty(house->shared.pending);
}

/* All deadlines of a kind, in one step; those of what they leave behind, in the next. The kernel
 * has its own pace with what it still carries. */
void house_settle(struct house *house)
{
	enum { STEPS = 5000, STEPS_AT_ONCE = 8 };

	house_run(house);
	for (int i = 0; !is_empty(house); i++) {
		FUZZ_CHECK(i < STEPS);
		if (i > STEPS_AT_ONCE)
			usleep(1000);
		house_pass(house, STEP_MS);
	}
}

static void check_value(void *arg, const spore_kv *labels, size_t n_labels, double value)
{
	const spore_metric_spec *const *family = arg;

	(void)labels;
	(void)n_labels;
	FUZZ_CHECK((*family)->type != SPORE_METRIC_GAUGE || value == 0);
}

static void skip_histogram(void *arg, const spore_kv *labels, size_t n_labels, const double *bounds,
                           const uint64_t *cumulative, size_t n_bounds, uint64_t count, double sum)
{
	(void)arg, (void)labels, (void)n_labels, (void)bounds;
	(void)cumulative, (void)n_bounds, (void)count, (void)sum;
}

static void begin_family(void *arg, const spore_metric_spec *family)
{
	*(const spore_metric_spec **)arg = family;
}

static void end_family(void *arg)
{
	(void)arg;
}

static void check_gauges(const struct house *house)
{
	static const spore_metric_visitor visitor = { .struct_size = sizeof visitor,
		                                      .begin = begin_family,
		                                      .value = check_value,
		                                      .histogram = skip_histogram,
		                                      .end = end_family };
	const spore_metric_spec *family;

	metrics_visit(house->metrics, &visitor, &family);
}

static void check_sources(const struct house *house)
{
	/* Where the crowd comes from: server_crowd.c. */
	static const char *const addresses[] = { "127.0.0.11", "127.0.0.12", "127.0.0.13" };

	for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
		struct source *source;
		spore_addr addr;

		FUZZ_CHECK(addr_parse_ip(addresses[i], &addr));
		source = source_get(house->shared.sources, &addr);
		FUZZ_CHECK(source);
		/* Nothing was left counted or announced: the next one is a stranger, and alone. */
		FUZZ_CHECK(!source_enter(source) &&
		           !source_is_over(source, server_worker_limits(&house->worker)));
		source_leave(source, false);
		source_unref(source);
	}
}

static void close_worker(struct house *house, void *unused)
{
	(void)unused;
	server_worker_close(&house->worker);
}

void house_end(struct house *house)
{
	house_call(house, close_worker, NULL);
	still_pass(STEP_MS); /* what plugins have under way comes to its end, too */
	house_run(house);
}

void house_close(struct house *house)
{
	struct server_shared *shared = &house->shared;
	bool is_open[HOUSE_MOST_FDS];

	FUZZ_CHECK(has_no_sessions(&house->worker));
	FUZZ_CHECK(house->worker.strangers.count == 0 && house->worker.relays.count == 0);
	pending_free(shared->pending);
	FUZZ_CHECK(!shared->principals.first && atomic_load(&shared->principals.visitors) == 0);
	FUZZ_CHECK(shared->gate.inside == 0 && shared->gate.n_waiting == 0);
	gate_fini(&shared->gate);
	principal_table_fini(&shared->principals);
	share_table_fini(&shared->shares);
	check_sources(house);
	names_free(shared->names);
	source_table_free(shared->sources);
	check_gauges(house);
	note_descriptors(is_open);
	FUZZ_CHECK(memcmp(is_open, house->is_open, sizeof is_open) == 0);
}
