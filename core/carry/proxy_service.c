#include "carry/proxy_service.h"

#include <unistd.h>

#include "carry/ahead.h"
#include "carry/decline.h"
#include "carry/failure.h"
#include "carry/origin.h"
#include "carry/proxy_join.h"
#include "carry/proxy_server.h"
#include "carry/proxy_state.h"
#include "carry/shared.h"
#include "config/settings.h"
#include "lane/taken.h"
#include "net/dial.h"
#include "net/stream.h"

/* Opened was not sent. The server finds the connection lost and announces the visitor again: then
 * it is told the reason, and may have another client for the visitor. */
static void give_back(struct proxy *proxy)
{
	proxy->failure = "given back to the server: no connection to the service";
	taken_forget(&proxy->worker->shared->taken, &proxy->visitor.id);
	stream_close(proxy->server, true);
	proxy->server = NULL;
	proxy_state_end(proxy, false);
}

/* A visitor that was handed over goes back. Otherwise tells the server that the service is not
 * reached, if the server reads such a message and still
 * holds the visitor, or gives the server the data connection, which ends at once. True: the proxy
 * has ended. */
static bool fail_local(struct proxy *proxy, const struct net_failure *failure)
{
	enum decline_reads needed = failure->lacks ? DECLINE_READS_DECLINE : DECLINE_READS_BOTH;
	bool is_told = proxy_server_is_untouched(proxy) &&
	               decline_is_read(proxy->pool->decliner, needed);

	if (proxy->was_opened) {
		give_back(proxy);
		return true;
	}
	proxy->local_failed = true;
	proxy->failure = failure_text(failure->lacks, "no connection to the service");
	failure_decline(proxy->pool, CLIENT_FAILURE_SERVICE,
	                &(struct declined){ .id = &proxy->visitor.id,
	                                    .is_ended = !is_told,
	                                    .is_unserved = !failure->lacks,
	                                    .lacks = failure->lacks,
	                                    .event = failure->lacks ? "connection dropped"
	                                                            : "local service not reached",
	                                    .error = failure->why });
	if (is_told)
		proxy_state_end(proxy, false);
	else
		proxy_join(proxy);
	return is_told;
}

static void on_local(int fd, const spore_addr *addr, const struct net_failure *failure, void *arg)
{
	struct proxy *proxy = arg;

	proxy->dial = NULL;
	if (fd >= 0) {
		proxy->local = stream_new(proxy->worker->loop, fd, addr, NULL);
		if (!proxy->local)
			close(fd);
		failure = &failure_no_memory;
	}
	if (proxy->local || !failure->lacks)
		proxy->pool->lacks_service = !proxy->local;
	if (proxy->local) {
		decline_heed_service(proxy->pool->decliner, proxy->tunnel->name);
		stream_open(proxy->local);
	}
	if (proxy->local && proxy->was_opened)
		origin_release(proxy->origin);
	if (!proxy->local && (fail_local(proxy, failure) || !proxy->asks_local_first))
		return;
	if (proxy->asks_local_first)
		proxy_server_connect(proxy);
	else
		proxy_join(proxy);
}

bool proxy_service_is_first(const struct proxy *proxy)
{
	return (proxy->pool->lacks_service || proxy->tunnel->share) &&
	       decline_is_read(proxy->pool->decliner, DECLINE_READS_BOTH);
}

bool proxy_service_dial(struct proxy *proxy)
{
	struct client_worker *worker = proxy->worker;
	const struct client_settings *settings = client_worker_settings(worker);
	struct dial_target target = {
		.host = proxy->tunnel->local_host,
		.path = proxy->tunnel->local_path,
		.port = (uint16_t)proxy->tunnel->local_port,
		.timeout_ms = proxy->tunnel->connect_timeout,
		.source = proxy->tunnel->source,
		.sizes = { (int)settings->sndbuf, (int)settings->recbuf },
	};

	proxy->dial = dial_start(worker->loop, worker->shared->resolver, &target, on_local, proxy);
	return proxy->dial || !fail_local(proxy, &failure_no_memory);
}
