#include "carry/proxy_join.h"

#include "carry/ahead.h"
#include "carry/carried.h"
#include "carry/failure.h"
#include "carry/origin.h"
#include "carry/proxy_state.h"
#include "carry/shared.h"
#include "config/settings.h"
#include "net/stream.h"
#include "relay/bucket.h"
#include "wire/proxy_header.h"

struct origin *proxy_join_frame(struct proxy *proxy)
{
	const struct origin visit = { .pool = proxy->pool,
		                      .grant = proxy->grant,
		                      .visitor = proxy->visitor.id,
		                      .was_opened = proxy->was_opened,
		                      .stream = proxy->server };
	struct origin *origin = origin_new(&visit, &proxy->received, &proxy->unsent);

	if (!origin)
		return NULL;
	proxy->is_framed = true;
	proxy->lends = false; /* now the origin gives the connection back to the pool */
	return origin;
}

/* Puts the PROXY header, which tells the service the visitor's address, in front of the visitor's
 * bytes. False: out of memory. */
static bool add_header(struct proxy *proxy, size_t *len_out)
{
	enum proxy_header_version version = (enum proxy_header_version)proxy->tunnel->send_proxy;
	uint8_t header[PROXY_HEADER_MAX];

	*len_out = 0;
	if (version == PROXY_HEADER_NONE)
		return true;
	*len_out = proxy_header_write(version, &proxy->visitor.from, &proxy->visitor.to, header);
	return buf_prepend(&proxy->received, header, *len_out);
}

/* Takes `carried`. */
static void start_relay(struct proxy *proxy, struct carried *carried, size_t header_len)
{
	struct client_worker *worker = proxy->worker;
	struct relay_plan plan = { .left = proxy->server,
		                   .right = proxy->local,
		                   .for_left = &proxy->unsent,
		                   .for_right = &proxy->received,
		                   .own_for_right = header_len };

	if (carried->pool->buckets) {
		plan.buckets[0] = &carried->pool->buckets[0];
		plan.buckets[1] = &carried->pool->buckets[1];
	}
	proxy->server = proxy->local = NULL;
	client_stats_add(&worker->shared->stats, worker->loop, CLIENT_STAT_RELAYS, 1);
	relay_start(&worker->relays, &plan, carried_on_end, carried);
	proxy_state_end(proxy, true);
}

bool proxy_join(struct proxy *proxy)
{
	struct stream *server = proxy->server;
	struct carried visitor = proxy_state_carried(proxy), *carried = NULL;
	size_t header_len;

	if (!server || (!proxy->local && !proxy->local_failed))
		return false;
	if (!proxy->local_failed)
		carried = carried_new(&visitor);
	if ((!proxy->local_failed && !carried) ||
	    (proxy->carries && !proxy->is_framed && !proxy_join_frame(proxy)) ||
	    !add_header(proxy, &header_len)) {
		proxy->failure = failure_no_memory.why;
		carried_free(carried);
		proxy_state_end(proxy, false);
	} else if (proxy->local_failed) {
		proxy->server = NULL;
		linger_start(&proxy->worker->lingerers, server, &proxy->unsent);
		proxy_state_end(proxy, false);
	} else {
		start_relay(proxy, carried, header_len);
	}
	return true;
}
