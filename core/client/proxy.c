#include "client/proxy.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/container.h"
#include "client/ahead.h"
#include "client/uplink.h"
#include "config/settings.h"
#include "log/log.h"
#include "net/stream.h"

/* The server drops a visitor after 10 s, so it is useless to set up one that has waited longer. */
enum { LOCAL_DIAL_MS = 3000, MAX_WAITING = 4096, MAX_WAIT_MS = 9000 };

struct proxy {
	struct list node; /* in worker->proxies or worker->waiting */
	struct client_worker *worker;
	const struct tunnel_settings *tunnel;
	struct ahead_pool *pool;
	struct uuid id;
	int64_t since_ms; /* when the server announced it */
	/* To the server: a connection that was opened ahead, or one that is dialled. */
	struct ahead *ahead;
	struct uplink uplink;
	struct stream *server;       /* owned; set once the connection is the visitor's */
	struct buf received, unsent; /* of `server`: the visitor's first bytes; Accept */
	/* To the local service. */
	struct dial *dial;
	struct stream *local; /* owned; set once connected */
	bool local_failed;
	bool is_started; /* else it is queued */
	struct loop_task reap;
};

static void on_uplink_ready(struct uplink *uplink);
static void on_uplink_failed(struct uplink *uplink, const struct uplink_failure *failure);
static void on_uplink_message(struct uplink *uplink, const struct message *message);
static void on_uplink_end(struct uplink *uplink, const char *why);
static const struct uplink_events uplink_events = {
	.on_ready = on_uplink_ready,
	.on_failed = on_uplink_failed,
	.on_message = on_uplink_message,
	.on_end = on_uplink_end,
};

static struct proxy *proxy_of(struct uplink *uplink)
{
	return CONTAINER_OF(uplink, struct proxy, uplink);
}

static void log_proxy(struct proxy *proxy, enum log_level level, const char *event,
                      const char *error)
{
	char id[UUID_TEXT_SIZE];

	uuid_format(&proxy->id, id);
	log_at(level, event, log_str("tunnel", proxy->tunnel->name), log_str("id", id),
	       log_str("error", error));
}

static void count_failure(const struct client_worker *worker, enum client_failure why)
{
	client_stats_fail(&worker->shared->stats, worker->loop, why);
}

static void run_free_proxy(struct loop_task *task)
{
	free(CONTAINER_OF(task, struct proxy, reap));
}

/* Releases everything that the proxy still holds. is_relayed: a relay goes on with the visitor. */
static void end_proxy(struct proxy *proxy, bool is_relayed)
{
	struct client_worker *worker = proxy->worker;

	ahead_drop(proxy->ahead);
	uplink_stop(&proxy->uplink);
	dial_stop(proxy->dial);
	stream_close(proxy->server, false);
	stream_close(proxy->local, false);
	buf_fini(&proxy->received);
	buf_fini(&proxy->unsent);
	list_remove(&proxy->node);
	if (proxy->is_started)
		worker->n_dialling--;
	else
		worker->n_waiting--;
	if (!is_relayed)
		client_worker_release(worker);
	loop_reap(worker->loop, &proxy->reap);
	loop_at_turn_end(worker->loop, &worker->start_waiting);
}

static void log_relay_end(const uint64_t bytes[2], const char *error)
{
	struct log_field up = log_int("bytes_from_visitor", (int64_t)bytes[0]);
	struct log_field down = log_int("bytes_from_service", (int64_t)bytes[1]);

	/* Without a single byte from the visitor, the server may have refused us: with TLS 1.3 the
	 * client learns it only now. */
	if (error)
		log_at(bytes[0] ? LOG_INFO : LOG_WARN, "connection broken", up, down,
		       log_str("error", error));
	else
		log_debug("connection ended", up, down);
}

static void on_relay_end(const uint64_t bytes[2], const char *error, void *arg)
{
	struct client_worker *worker = arg;

	client_stats_add(&worker->shared->stats, worker->loop, CLIENT_STAT_RELAYS, -1);
	client_worker_release(worker);
	loop_at_turn_end(worker->loop, &worker->start_waiting);
	log_relay_end(bytes, error);
}

/* Starts the relay once both connections stand. If the local service has failed, the visitor sees
 * an orderly end. */
static void join_streams(struct proxy *proxy)
{
	struct client_worker *worker = proxy->worker;
	struct stream *server = proxy->server, *local = proxy->local;

	if (server && proxy->local_failed) {
		proxy->server = NULL;
		linger_start(&worker->lingerers, server, &proxy->unsent);
		end_proxy(proxy, false);
	} else if (server && local) {
		proxy->server = proxy->local = NULL;
		client_stats_add(&worker->shared->stats, worker->loop, CLIENT_STAT_RELAYS, 1);
		relay_start(&worker->relays,
		            &(struct relay_plan){ .left = server,
		                                  .right = local,
		                                  .for_left = &proxy->unsent,
		                                  .for_right = &proxy->received },
		            on_relay_end, worker);
		end_proxy(proxy, true);
	}
}

/* ---- the connection to the server ---- */

/* Sends Accept before the local service has answered, so that it does not wait for a slow service.
 * A write that fails here fails in the relay, too. */
static void send_accept(struct proxy *proxy)
{
	enum stream_io io = STREAM_OK;
	size_t n;

	while (proxy->unsent.len > 0 && io == STREAM_OK) {
		io = stream_write(proxy->server, buf_bytes(&proxy->unsent), proxy->unsent.len, &n);
		if (io == STREAM_OK)
			buf_consume(&proxy->unsent, n);
	}
	stream_want(proxy->server, io == STREAM_AGAIN ? SPORE_WRITE : 0);
}

static void on_server_writable(struct stream *stream, unsigned happened, void *arg)
{
	(void)stream;
	(void)happened;
	send_accept(arg);
}

static void join_or_send_accept(struct proxy *proxy)
{
	join_streams(proxy);
	if (proxy->server) {
		stream_set_owner(proxy->server, on_server_writable, proxy);
		send_accept(proxy);
	}
}

static void on_uplink_ready(struct uplink *uplink)
{
	struct proxy *proxy = proxy_of(uplink);
	struct message accept = { .type = MESSAGE_ACCEPT, .id = proxy->id };

	link_send(&uplink->link, &accept);
	proxy->server = link_take(&uplink->link, &proxy->received, &proxy->unsent);
	join_or_send_accept(proxy);
}

static void dial_server(struct proxy *proxy)
{
	uplink_start(&proxy->uplink, proxy->worker, SPORE_AUTH_DATA, &uplink_events);
}

static void on_ahead(struct stream *stream, struct buf *received, void *arg)
{
	struct proxy *proxy = arg;

	proxy->ahead = NULL;
	if (!stream) {
		/* The server did not answer Accept, so the visitor still waits there. */
		dial_server(proxy);
		return;
	}
	proxy->server = stream;
	proxy->received = *received;
	join_or_send_accept(proxy);
}

static void fail_proxy(struct proxy *proxy, const char *why)
{
	count_failure(proxy->worker, CLIENT_FAILURE_SERVER);
	log_proxy(proxy, LOG_WARN, "connection failed", why);
	end_proxy(proxy, false);
}

static void on_uplink_failed(struct uplink *uplink, const struct uplink_failure *failure)
{
	fail_proxy(proxy_of(uplink), failure->why);
}

static void on_uplink_message(struct uplink *uplink, const struct message *message)
{
	(void)uplink;
	(void)message; /* never called: on_uplink_ready takes the link */
}

static void on_uplink_end(struct uplink *uplink, const char *why)
{
	fail_proxy(proxy_of(uplink), why ? why : "closed by the server");
}

/* ---- the connection to the local service ---- */

static void on_local(int fd, const spore_addr *addr, const char *why, void *arg)
{
	struct proxy *proxy = arg;

	proxy->dial = NULL;
	if (fd >= 0) {
		proxy->local = stream_new(proxy->worker->loop, fd, addr, NULL);
		if (!proxy->local)
			close(fd);
		why = "out of memory";
	}
	if (proxy->local) {
		stream_open(proxy->local);
	} else {
		proxy->local_failed = true;
		count_failure(proxy->worker, CLIENT_FAILURE_SERVICE);
		log_proxy(proxy, LOG_WARN, "local service not reached", why);
	}
	join_streams(proxy);
}

static void set_up_proxy(struct proxy *proxy)
{
	struct client_worker *worker = proxy->worker;
	const struct client_settings *settings = worker->shared->settings;
	struct dial_target target = {
		.host = proxy->tunnel->local_host,
		.port = (uint16_t)proxy->tunnel->local_port,
		.timeout_ms = LOCAL_DIAL_MS,
		.sizes = { (int)settings->sndbuf, (int)settings->recbuf },
	};

	proxy->is_started = true;
	worker->n_dialling++;
	list_append(&worker->proxies, &proxy->node);
	proxy->ahead = ahead_take(proxy->pool, &proxy->id, on_ahead, proxy);
	if (!proxy->ahead)
		dial_server(proxy);
	proxy->dial = dial_start(worker->loop, worker->shared->resolver, &target, on_local, proxy);
	proxy->local_failed = proxy->dial == NULL;
	if (proxy->local_failed)
		count_failure(worker, CLIENT_FAILURE_MEMORY);
}

/* ---- the queue ---- */

/* Limits the visitors that dial, and the visitors in all by the descriptors. */
static bool has_room(const struct client_worker *worker)
{
	return worker->n_dialling < worker->max_dialling &&
	       worker->n_dialling + worker->relays.count < worker->max_carried;
}

void proxy_run_start_waiting(struct loop_task *task)
{
	struct client_worker *worker = CONTAINER_OF(task, struct client_worker, start_waiting);

	while (has_room(worker) && !list_is_empty(&worker->waiting)) {
		struct proxy *proxy = CONTAINER_OF(worker->waiting.next, struct proxy, node);

		if (loop_now_ms(worker->loop) - proxy->since_ms > MAX_WAIT_MS) {
			count_failure(worker, CLIENT_FAILURE_QUEUE);
			log_proxy(proxy, LOG_WARN, "connection dropped",
			          "it waited too long for its turn");
			end_proxy(proxy, false);
			continue;
		}
		list_remove(&proxy->node);
		worker->n_waiting--;
		set_up_proxy(proxy);
	}
}

/* The queue is full, or memory is out. */
static void drop_visitor(struct client_worker *worker, const struct tunnel_settings *tunnel)
{
	int64_t now = loop_now_ms(worker->loop);

	count_failure(worker, CLIENT_FAILURE_QUEUE);
	client_worker_release(worker);
	if (worker->complained_ms && now - worker->complained_ms < 1000)
		return;
	worker->complained_ms = now;
	log_warn("connections dropped: too many wait to be set up", log_str("tunnel", tunnel->name),
	         log_int("waiting", worker->n_waiting));
}

void proxy_start(struct ahead_pool *pool, const struct uuid *id)
{
	struct client_worker *worker = pool->worker;
	struct proxy *proxy = worker->n_waiting < MAX_WAITING ? calloc(1, sizeof *proxy) : NULL;

	if (!proxy) {
		drop_visitor(worker, pool->tunnel);
		return;
	}
	proxy->worker = worker;
	proxy->tunnel = pool->tunnel;
	proxy->pool = pool;
	proxy->id = *id;
	proxy->since_ms = loop_now_ms(worker->loop);
	proxy->reap.run = run_free_proxy;
	list_init(&proxy->node);
	if (has_room(worker)) {
		set_up_proxy(proxy);
	} else {
		worker->n_waiting++;
		list_append(&worker->waiting, &proxy->node);
	}
}

void proxy_stop_all(struct client_worker *worker)
{
	worker->max_dialling = 0; /* the end of one must not start another */
	while (!list_is_empty(&worker->proxies))
		end_proxy(CONTAINER_OF(worker->proxies.next, struct proxy, node), false);
	while (!list_is_empty(&worker->waiting))
		end_proxy(CONTAINER_OF(worker->waiting.next, struct proxy, node), false);
}
