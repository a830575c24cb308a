/* metrics_prometheus - serves the host's metrics over HTTP.
 *
 *   GET /metrics    all families, in Prometheus text format or OpenMetrics, as Accept asks
 *   GET /healthz    200 while the process runs
 *   GET /readyz     200 while the process serves; 503 with the reason before that, while it drains,
 *                   and while a worker hangs */
#include <arpa/inet.h>
#include <errno.h>
#include <spore/metrics.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accept.h"
#include "http.h"
#include "render.h"

struct conf {
	spore_addr listen;
	int64_t port;
};

static const spore_option options[] = {
	SPORE_ADDR(struct conf, listen, 0, "\"127.0.0.1:9568\"", "address to serve at"),
	SPORE_PORT(struct conf, port, 0, NULL, 1, 65535,
	           "port to serve at, instead of the one in \"listen\""),
};

struct exporter {
	const spore_host *host;
	const spore_ext_metrics *metrics;
	const spore_ext_ready *ready;
	int fd; /* owned by the host */
	struct http *http;
};

/* ---- answers ---- */

static struct http_answer render_page(const struct exporter *exporter, enum format format)
{
	struct text text = { 0 };

	render(exporter->metrics, format, &text);
	if (text.failed) {
		free(text.bytes);
		return http_say(500, "out of memory\n");
	}
	return (struct http_answer){ 200, render_type(format), text.bytes, text.len };
}

static struct http_answer say_ready(const spore_ext_ready *ready)
{
	char why[200], text[256];

	if (ready->explain(why, sizeof why))
		return http_say(200, "ready\n");
	snprintf(text, sizeof text, "not ready: %s\n", why);
	return http_say(503, text);
}

static struct http_answer answer(void *arg, const char *path, const char *accept)
{
	const struct exporter *exporter = arg;

	if (strcmp(path, "/metrics") == 0)
		return render_page(exporter, accept_format(accept));
	if (strcmp(path, "/healthz") == 0)
		return http_say(200, "alive\n");
	if (strcmp(path, "/readyz") == 0)
		return say_ready(exporter->ready);
	return (struct http_answer){ 0 };
}

/* ---- the component ---- */

static void report_bind_failure(const spore_create_args *args, const spore_addr *address, int cause)
{
	const struct conf *conf = args->conf;
	int v4 = address->family == 4;
	char ip[INET6_ADDRSTRLEN] = "", text[200];

	inet_ntop(v4 ? AF_INET : AF_INET6, address->ip + (v4 ? 12 : 0), ip, sizeof ip);
	snprintf(text, sizeof text,
	         v4 ? "cannot serve metrics at %s:%u: %s" : "cannot serve metrics at [%s]:%u: %s",
	         ip, address->port, strerror(cause));
	args->report(args, conf->port ? "/port" : "/listen", text);
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	const struct conf *conf = args->conf;
	struct exporter *exporter = calloc(1, sizeof *exporter);
	spore_addr address = conf->listen;

	if (!exporter)
		return SPORE_ENOMEM;
	exporter->host = args->host;
	exporter->metrics = args->host->get_extension(SPORE_EXT_METRICS);
	exporter->ready = args->host->get_extension(SPORE_EXT_READY);
	if (!exporter->metrics || !exporter->ready) {
		args->report(args, "", "this host has no metrics");
		free(exporter);
		return SPORE_EUNSUPPORTED;
	}
	if (conf->port)
		address.port = (uint16_t)conf->port;
	if (args->host->listener_get(args->ctx, &address, &exporter->fd) != SPORE_OK) {
		report_bind_failure(args, &address, errno);
		free(exporter);
		return SPORE_ECONFIG;
	}
	*instance_out = exporter;
	return SPORE_OK;
}

static spore_status worker_start(void *instance, spore_worker *worker, spore_ticket ticket,
                                 void **state_out)
{
	struct exporter *exporter = instance;

	(void)ticket;
	exporter->http = http_start(exporter->host, worker, exporter->fd, answer, exporter);
	*state_out = exporter;
	return exporter->http ? SPORE_OK : SPORE_ENOMEM;
}

static void worker_stop(void *state)
{
	struct exporter *exporter = state;

	http_stop(exporter->http);
	exporter->http = NULL;
}

static const spore_metrics_ops ops = { .struct_size = sizeof ops };

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_METRICS,
	.name = "prometheus",
	.summary = "serves the metrics over HTTP, for Prometheus and compatible scrapers",
	.ops = &ops,
	.options = options,
	.n_options = sizeof options / sizeof *options,
	.option_size = sizeof *options,
	.conf_size = sizeof(struct conf),
	.flags = SPORE_COMPF_SINGLE_WORKER,
	.create = create,
	.destroy = free,
	.worker_start = worker_start,
	.worker_stop = worker_stop,
};

SPORE_PLUGIN("metrics_prometheus", "1.0.0", "The Spore authors", "MIT", "", &component);
