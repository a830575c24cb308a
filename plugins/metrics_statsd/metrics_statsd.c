/* metrics_statsd - pushes all metrics to statsd over UDP, from a timer on worker 0.
 *
 *   counter     its increase since it was last sent
 *   gauge       its value
 *   histogram   the number of observations and their sum, as two counters NAME.count and NAME.sum;
 *               buckets are not sent
 *
 * Increases that the kernel did not accept are sent with the next push. Datagrams lost in the
 * network are lost. */
#include <spore/metrics.h>
#include <stdlib.h>

#include "batch.h"
#include "ledger.h"
#include "sender.h"

/* After this many pushes in a row without an error, a failure is over. */
enum { CLEAN_PUSHES = 3 };

struct conf {
	spore_addr address;
	int64_t interval;
	const char *prefix;
	int64_t tags;
	int64_t packet_size;
};

static const spore_option options[] = {
	SPORE_ADDR(struct conf, address, 0, "\"127.0.0.1:8125\"", "address of statsd"),
	SPORE_DURATION(struct conf, interval, 0, "\"10s\"", 10, 86400000,
	               "time between two pushes"),
	SPORE_STRING(struct conf, prefix, 0, "\"spore.\"", "begins every name, in place of spore_"),
	SPORE_ENUM(struct conf, tags, 0, "\"none\"", "none|datadog",
	           "labels as part of the name (spore.x_total.label.value), or as DogStatsD tags"),
	SPORE_SIZE(struct conf, packet_size, 0, "1432", 256, 65507,
	           "maximum size of a datagram, in bytes"),
};

struct exporter {
	const spore_host *host;
	spore_ctx *ctx;
	const struct conf *conf;
	const spore_ext_metrics *metrics;
	struct line_style style;
	spore_worker *worker;
	spore_timer timer;
	struct ledger *ledger; /* shared with the exporter that this one replaces */
	struct batch batch;
	struct sender sender;
	const spore_metric_spec *family; /* the one being visited; owned by the host */
	uint32_t n_sent, n_failed;       /* our own series */
	int is_failing, has_left_out;    /* true once logged */
	unsigned n_clean;                /* pushes without an error in a row */
};

/* ---- collecting ---- */

static void leave_out(struct exporter *e)
{
	if (!e->has_left_out)
		spore_logf(e->host, e->ctx, SPORE_LOG_WARN,
		           "%s is not sent: too long for a datagram, or not a finite number; "
		           "further ones "
		           "are not logged",
		           e->family->name);
	e->has_left_out = 1;
}

static void add_counter(struct exporter *e, const struct line_name *name, double total)
{
	double *total_sent = ledger_entry(e->ledger, name);
	char *room = batch_room(&e->batch);
	size_t len;

	if (!total_sent || !room)
		return; /* out of memory: the next push has the difference */
	if (*total_sent == total)
		return;
	len = line_write(&e->style, name, total - *total_sent, 'c', room, e->batch.datagram_size);
	if (len)
		batch_add(&e->batch, len, total_sent, total);
	else
		leave_out(e);
}

/* statsd takes a number with a sign as a change of the gauge. So a negative value is written as two
 * lines: a zero, then the value, as a change of that. Returns the length; 0: as line_write. */
static size_t write_gauge(const struct exporter *e, const struct line_name *name, double value,
                          char *room)
{
	size_t size = e->batch.datagram_size, zero_len, len;

	if (!(value < 0))
		return line_write(&e->style, name, value, 'g', room, size);
	zero_len = line_write(&e->style, name, 0, 'g', room, size - 1);
	if (!zero_len)
		return 0;
	room[zero_len++] = '\n';
	len = line_write(&e->style, name, value, 'g', room + zero_len, size - zero_len);
	return len ? zero_len + len : 0;
}

static void add_gauge(struct exporter *e, const struct line_name *name, double value)
{
	char *room = batch_room(&e->batch);
	size_t len;

	if (!room)
		return; /* out of memory: the next push has the value */
	len = write_gauge(e, name, value, room);
	if (len)
		batch_add(&e->batch, len, NULL, 0);
	else
		leave_out(e);
}

static void on_begin(void *arg, const spore_metric_spec *family)
{
	struct exporter *e = arg;

	e->family = family;
}

static void on_value(void *arg, const spore_kv *labels, size_t n, double value)
{
	struct exporter *e = arg;
	struct line_name name = { e->family->name, NULL, labels, n };

	if (e->family->type == SPORE_METRIC_COUNTER)
		add_counter(e, &name, value);
	else
		add_gauge(e, &name, value);
}

static void on_histogram(void *arg, const spore_kv *labels, size_t n, const double *bounds,
                         const uint64_t *cumulative, size_t n_bounds, uint64_t count, double sum)
{
	struct exporter *e = arg;

	(void)bounds, (void)cumulative, (void)n_bounds;
	add_counter(e, &(struct line_name){ e->family->name, "count", labels, n }, (double)count);
	add_counter(e, &(struct line_name){ e->family->name, "sum", labels, n }, sum);
}

static void on_end(void *arg)
{
	(void)arg;
}

static const spore_metric_visitor visitor = {
	.struct_size = sizeof visitor,
	.begin = on_begin,
	.value = on_value,
	.histogram = on_histogram,
	.end = on_end,
};

/* ---- sending ---- */

/* Logs the start and the end of a failure. Errors of lost datagrams arrive late, so the end takes
 * several clean pushes. */
static void log_change(struct exporter *e, int cause)
{
	if (cause && !e->is_failing)
		spore_logf(e->host, e->ctx, SPORE_LOG_WARN, "metrics do not reach statsd: %s",
		           strerror(cause));
	e->is_failing = e->is_failing || cause;
	e->n_clean = cause ? 0 : e->n_clean + 1;
	if (!e->is_failing || e->n_clean < CLEAN_PUSHES)
		return;
	spore_logf(e->host, e->ctx, SPORE_LOG_INFO, "metrics reach statsd again");
	e->is_failing = 0;
}

/* Notes in the ledger that the lines from `first` up to `end` were sent. */
static void mark_sent(const struct batch *batch, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++) {
		if (batch->lines[i].sent)
			*batch->lines[i].sent = batch->lines[i].now;
	}
}

static void send_batch(struct exporter *e)
{
	int first_cause = 0, cause, taken;
	spore_str datagram;

	for (size_t i = 0, next; i < e->batch.n; i = next) {
		next = batch_cut(&e->batch, i, &datagram);
		cause = sender_send(&e->sender, datagram, &taken);
		first_cause = first_cause ? first_cause : cause;
		if (taken)
			mark_sent(&e->batch, i, next);
		e->host->metric_add(e->worker, e->n_sent, taken);
		e->host->metric_add(e->worker, e->n_failed, cause != 0);
	}
	log_change(e, first_cause);
}

static void push(void *arg)
{
	struct exporter *e = arg;

	batch_clear(&e->batch);
	e->metrics->visit(&visitor, e);
	send_batch(e);
}

/* ---- the component ---- */

static spore_status register_own(struct exporter *e)
{
	static const char *const labels[] = { "result" };
	const spore_metric_spec spec = {
		.struct_size = sizeof spec,
		.type = SPORE_METRIC_COUNTER,
		.name = "datagrams_total",
		.help = "Datagrams: accepted by the kernel, or known to be lost or late.",
		.labels = labels,
		.n_labels = 1,
	};
	uint32_t family = e->host->metric_family(e->ctx, &spec);
	spore_str sent = spore_cstr("sent"), failed = spore_cstr("failed");

	e->n_sent = e->host->metric_series(family, &sent, 1);
	e->n_failed = e->host->metric_series(family, &failed, 1);
	return e->n_sent && e->n_failed ? SPORE_OK : SPORE_EINVAL;
}

static void destroy(void *instance)
{
	struct exporter *e = instance;

	ledger_release(e->ledger);
	batch_fini(&e->batch);
	free(e);
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	const struct exporter *previous = args->previous;
	const struct conf *conf = args->conf;
	struct exporter *e;

	if (!line_prefix_is_good(conf->prefix)) {
		args->report(args, "/prefix", "expected only letters, digits, '.', '_' and '-'");
		return SPORE_ECONFIG;
	}
	e = calloc(1, sizeof *e);
	if (!e)
		return SPORE_ENOMEM;
	e->host = args->host;
	e->ctx = args->ctx;
	e->conf = conf;
	e->style = (struct line_style){ conf->prefix, (enum line_labels)conf->tags };
	e->batch.datagram_size = (size_t)conf->packet_size;
	sender_init(&e->sender, &conf->address);
	e->metrics = args->host->get_extension(SPORE_EXT_METRICS);
	e->ledger = previous ? ledger_share(previous->ledger) : ledger_new();
	if (e->metrics && e->ledger && register_own(e) == SPORE_OK) {
		*instance_out = e;
		return SPORE_OK;
	}
	if (!e->metrics)
		args->report(args, "", "this host has no " SPORE_EXT_METRICS);
	destroy(e);
	return SPORE_EUNSUPPORTED;
}

static spore_status worker_start(void *instance, spore_worker *worker, spore_ticket ticket,
                                 void **state_out)
{
	struct exporter *e = instance;

	(void)ticket;
	e->worker = worker;
	*state_out = e;
	return e->host->timer_start(worker, e->conf->interval, e->conf->interval, push, e,
	                            &e->timer);
}

/* Sends what was counted since the last push. */
static void worker_stop(void *state)
{
	struct exporter *e = state;

	push(e);
	e->host->timer_stop(e->timer);
	sender_fini(&e->sender);
}

static const spore_metrics_ops ops = { .struct_size = sizeof ops };

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_METRICS,
	.name = "statsd",
	.summary = "pushes all metrics to statsd over UDP",
	.ops = &ops,
	.options = options,
	.n_options = sizeof options / sizeof *options,
	.option_size = sizeof *options,
	.conf_size = sizeof(struct conf),
	.flags = SPORE_COMPF_SINGLE_WORKER,
	.create = create,
	.destroy = destroy,
	.worker_start = worker_start,
	.worker_stop = worker_stop,
};

SPORE_PLUGIN("metrics_statsd", "1.0.0", "The Spore authors", "MIT", "", &component);
