/* transport_via - the client's way to its server through an HTTP or SOCKS 5 proxy: the component
 * and its options. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bypass.h"
#include "proxy.h"
#include "proxy_stream.h"
#include "talk.h"

static const spore_option options[] = {
	SPORE_STRING(
		struct proxy_conf, url, SPORE_OPTF_REQUIRED, NULL,
		"the proxy: http://, socks5:// or socks5h://, then [USER@]HOST[:PORT]; without "
		"a scheme it is http, and without a port 1080"),
	SPORE_SECRET(struct proxy_conf, password, 0, "password of the user in the URL"),
	SPORE_STRING(struct proxy_conf, no_proxy, 0, NULL,
	             "servers that are reached without the proxy: names, which stand for all names "
	             "below them, too, addresses and prefixes, with commas between them; or *"),
};

static spore_status report(const spore_create_args *args, const char *pointer, const char *text)
{
	args->report(args, pointer, text);
	return SPORE_ECONFIG;
}

static spore_status report_url(const spore_create_args *args, const char *why, const char *found)
{
	char text[192];

	if (!*found)
		return report(args, "/url", why);
	snprintf(text, sizeof text, "%s, found \"%s\"", why, found);
	return report(args, "/url", text);
}

static spore_status check(const struct proxy *proxy, const spore_create_args *args)
{
	const struct proxy_conf *conf = proxy->conf;
	const char *user = proxy->url.user;

	if (args->role != SPORE_ROLE_CLIENT)
		return report(args, "", "expected a client: only it connects through a proxy");
	if (conf->password.len > TALK_SECRET_MAX)
		return report(args, "/password", "expected at most 255 bytes");
	if (conf->password.len && !*user)
		return report(args, "/password", "expected a user in the URL of the proxy, too");
	if (proxy->url.kind == PROXY_HTTP && strchr(user, ':'))
		return report(args, "/url", "expected a user without a colon");
	return SPORE_OK;
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	struct proxy *proxy = calloc(1, sizeof *proxy);
	const char *why;
	spore_status status;

	if (!proxy)
		return SPORE_ENOMEM;
	proxy->host = args->host;
	proxy->conf = args->conf;
	why = proxy_url_read(proxy->conf->url, &proxy->url);
	status = why ? report_url(args, why, proxy->url.found) : check(proxy, args);
	if (status != SPORE_OK) {
		free(proxy);
		return status;
	}
	if (bypass_has_all(proxy->conf->no_proxy))
		spore_logf(args->host, args->ctx, SPORE_LOG_WARN,
		           "no server is reached through the proxy, since no_proxy is *");
	*instance_out = proxy;
	return SPORE_OK;
}

static void destroy(void *instance)
{
	free(instance);
}

static spore_status worker_start(void *instance, spore_worker *handle, spore_ticket ticket,
                                 void **state_out)
{
	struct proxy_worker *worker = calloc(1, sizeof *worker);

	(void)ticket;
	if (!worker)
		return SPORE_ENOMEM;
	*worker = (struct proxy_worker){ instance, handle };
	*state_out = worker;
	return SPORE_OK;
}

static void worker_stop(void *state)
{
	free(state);
}

static int is_bypassed(const struct proxy *proxy, const char *server_name)
{
	return proxy->conf->no_proxy && bypass_has(proxy->conf->no_proxy, server_name);
}

static uint32_t dial(void *state, const spore_dial_args *args, spore_dial_place *place_out)
{
	const struct proxy_worker *worker = state;

	if (is_bypassed(worker->proxy, args->server_name))
		return 0;
	place_out->host = worker->proxy->url.host;
	place_out->port = worker->proxy->url.port;
	return 1;
}

static spore_status wrap(void *state, const spore_wrap_args *args, spore_stream **upper_out)
{
	const struct proxy_worker *worker = state;

	*upper_out = args->lower;
	if (!SPORE_HAS(args, server_port)) /* a host that does not dial the proxy */
		return SPORE_EUNSUPPORTED;
	if (is_bypassed(worker->proxy, args->server_name))
		return SPORE_OK;
	return proxy_stream_wrap(worker, args, upper_out);
}

static const spore_transport_ops ops = {
	.struct_size = sizeof ops,
	.wrap = wrap,
	.stream_ops = &proxy_stream_ops,
	.dial = dial,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_TRANSPORT,
	.name = "via",
	.summary = "a client's way through an HTTP or SOCKS 5 proxy",
	.options = options,
	.n_options = sizeof options / sizeof *options,
	.option_size = sizeof *options,
	.conf_size = sizeof(struct proxy_conf),
	.ops = &ops,
	.create = create,
	.destroy = destroy,
	.worker_start = worker_start,
	.worker_stop = worker_stop,
};

SPORE_PLUGIN("transport_via", "1.0.0", "The Spore authors", "MIT", "", &component);
