#include "client/proxy.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/container.h"
#include "base/zeroed.h"
#include "client/ahead.h"
#include "client/decline.h"
#include "client/uplink.h"
#include "config/settings.h"
#include "log/log.h"
#include "net/addr.h"
#include "net/stream.h"
#include "relay/bucket.h"
#include "wire/proxy_header.h"

enum { MAX_WAITING = 4096 };
/* At least every 64th visitor tries whether holding Opened back pays. */
enum { MOST_VAIN_HOLDS = 6 };

struct proxy {
	struct list node; /* in worker->proxies or worker->waiting */
	struct client_worker *worker;
	struct config *config; /* ref; of `tunnel` */
	const struct tunnel_settings *tunnel;
	struct ahead_pool *pool; /* which has this user */
	struct uuid id;
	spore_addr from;               /* the visitor's address; of family 0: not known */
	spore_addr to;                 /* as in struct announced */
	struct server_place announcer; /* the server ... */
	bool reads_claim;              /* ... which reads Claim */
	int64_t since_ms;              /* when the server announced it */
	/* To the server: a connection that was opened ahead, or one that is dialled. */
	struct ahead *ahead;
	struct deadline slow; /* of the answer on `ahead` */
	struct deadline late; /* while it is queued */
	struct uplink uplink;
	struct stream *server;       /* owned; set once the connection is the visitor's */
	struct buf received, unsent; /* of `server`: the visitor's first bytes; Accept */
	/* To the local service. */
	struct dial *dial;
	struct stream *local; /* owned; set once connected */
	bool local_failed;
	bool has_asked;        /* the server was asked on `uplink`, and answers ... */
	bool asks_again;       /* ... and again, on a new one */
	bool carries;          /* the connection to the server may have another visitor ... */
	bool is_framed;        /* ... and frames the bytes of this one already */
	unsigned grant;        /* ... under the pool's grant of this number */
	bool lends;            /* ... and was lent by the pool */
	bool was_opened;       /* the server has handed the visitor over with Open */
	bool asks_local_first; /* nothing goes to the server before `dial` has ended */
	const char *failure;   /* why the visitor gets no relay; static */
	bool is_started;       /* else it is queued */
	struct loop_task reap;
};

static void on_uplink_ready(struct uplink *uplink);
static void on_uplink_failed(struct uplink *uplink, const struct uplink_failure *failure);
static void on_uplink_message(struct uplink *uplink, const struct message *message);
static void on_uplink_end(struct uplink *uplink, const char *why);
static void on_uplink_late(struct uplink *uplink, const char *why);
static const struct uplink_events uplink_events = {
	.on_ready = on_uplink_ready,
	.on_failed = on_uplink_failed,
	.on_message = on_uplink_message,
	.on_end = on_uplink_end,
	.on_late = on_uplink_late,
};

static struct proxy *proxy_of(struct uplink *uplink)
{
	return CONTAINER_OF(uplink, struct proxy, uplink);
}

static const struct net_failure no_memory = { "out of memory", SHORTAGE_MEMORY };

/* otherwise: why it was, unless this machine lacks something. */
static void fail_visitor(const struct ahead_pool *pool, enum client_failure otherwise,
                         const struct declined *declined)
{
	static const enum client_failure causes[] = {
		[SHORTAGE_DESCRIPTORS] = CLIENT_FAILURE_DESCRIPTORS,
		[SHORTAGE_FILES] = CLIENT_FAILURE_DESCRIPTORS,
		[SHORTAGE_MEMORY] = CLIENT_FAILURE_MEMORY,
	};
	enum client_failure why = declined->lacks ? causes[declined->lacks] : otherwise;

	client_stats_fail(&pool->worker->shared->stats, pool->worker->loop, why);
	decline_visitor(pool->decliner, declined);
}

/* For the visitor's own line. */
static const char *failure_text(enum shortage lacks, const char *otherwise)
{
	if (lacks == SHORTAGE_MEMORY)
		return "out of memory";
	return lacks ? "no descriptor is left" : otherwise;
}

/* ---- the line for each visitor ---- */

/* A visitor that a relay carries, and what the log says about one that has ended. */
struct record {
	struct ahead_pool *pool;
	struct uuid id;
	spore_addr from;
	int64_t since_ms;
};

static void log_visitor(const struct record *record, const struct relay_end *end,
                        const char *reason)
{
	char id[UUID_TEXT_SIZE], from[ADDR_TEXT_SIZE];
	int64_t lasted_ms = loop_now_ms(record->pool->worker->loop) - record->since_ms;

	uuid_format(&record->id, id);
	log_event(LOG_INFO, "visitor ended",
	          (const struct log_field[]){
			  log_str("visitor",
	                          record->from.family ? addr_format(&record->from, from) : ""),
			  log_str("tunnel", record->pool->tunnel->name),
			  log_int("bytes_up", (int64_t)end->bytes[0]),
			  log_int("bytes_down", (int64_t)end->bytes[1]),
			  log_int("duration_ms", lasted_ms), log_str("reason", reason),
			  log_str("id", id), log_str("error", end->error) },
	          end->error ? 8 : 7);
}

static struct record record_of(const struct proxy *proxy)
{
	return (struct record){ proxy->pool, proxy->id, proxy->from, proxy->since_ms };
}

static void log_failure(const struct proxy *proxy)
{
	struct record record = record_of(proxy);

	if (client_worker_logs_visitors(proxy->worker))
		log_visitor(&record, &(struct relay_end){ .error = NULL },
		            proxy->failure ? proxy->failure : "the client ends");
}

/* ---- the end ---- */

static void run_free_proxy(struct loop_task *task)
{
	struct proxy *proxy = CONTAINER_OF(task, struct proxy, reap);

	config_unref(proxy->config);
	users_leave(proxy->pool->users);
	free(proxy);
}

static void set_lends(struct proxy *proxy, bool lends)
{
	if (lends && !proxy->lends)
		ahead_pool_lend(proxy->pool);
	else if (!lends && proxy->lends)
		ahead_pool_lose(proxy->pool);
	proxy->lends = lends;
}

/* Releases everything that the proxy still holds. is_relayed: a relay goes on with the visitor. */
static void end_proxy(struct proxy *proxy, bool is_relayed)
{
	struct client_worker *worker = proxy->worker;

	ahead_drop(proxy->ahead);
	deadline_stop(&proxy->slow);
	deadline_stop(&proxy->late);
	uplink_stop(&proxy->uplink);
	dial_stop(proxy->dial);
	stream_close(proxy->server, false);
	stream_close(proxy->local, false);
	set_lends(proxy, false);
	buf_fini(&proxy->received);
	buf_fini(&proxy->unsent);
	list_remove(&proxy->node);
	if (proxy->is_started)
		worker->n_dialling--;
	else
		worker->n_waiting--;
	if (!is_relayed) {
		log_failure(proxy);
		proxy->pool->tally.now--;
		client_worker_release(worker);
	}
	loop_reap(worker->loop, &proxy->reap);
	loop_at_turn_end(worker->loop, &worker->start_waiting);
}

/* Without a single byte from the visitor, the server may have refused us: with TLS 1.3 the client
 * learns it only now. */
static bool may_be_refused(const struct relay_end *end)
{
	return end->error && end->bytes[0] == 0;
}

static void log_relay_end(const struct relay_end *end)
{
	struct log_field up = log_int("bytes_from_visitor", (int64_t)end->bytes[0]);
	struct log_field down = log_int("bytes_from_service", (int64_t)end->bytes[1]);

	if (end->error)
		log_at(may_be_refused(end) ? LOG_WARN : LOG_INFO, "connection broken", up, down,
		       log_str("error", end->error));
	else
		log_debug("connection ended", up, down);
}

/* The server is on the left side of the relay, the service on the right. */
bool proxy_count(const uint64_t bytes[2], void *arg)
{
	struct ahead_tally *tally = &((struct record *)arg)->pool->tally;

	tally->up += bytes[0];
	tally->down += bytes[1];
	return true;
}

static void on_relay_end(const struct relay_end *end, void *arg)
{
	static const char *const reasons[RELAY_CAUSES] = {
		[RELAY_FINISHED] = "closed",
		[RELAY_LEFT_EMPTY] = "closed", /* often a visitor that only looks */
		[RELAY_LEFT_BROKEN] = "broken by the server or the visitor",
		[RELAY_RIGHT_BROKEN] = "broken by the service",
		[RELAY_LEFT_LOST] = "the server vanished",
		[RELAY_RIGHT_LOST] = "the service vanished",
		[RELAY_IDLE] = "idle for too long",
		[RELAY_KICKED] = "ended by the operator",
		[RELAY_STOPPED] = "the client ends",
		[RELAY_CUT_OFF] = "cut off: the client ends",
		[RELAY_NO_MEMORY] = "out of memory",
		[RELAY_USED_UP] = "-", /* does not happen here */
	};
	struct record *record = arg;
	struct client_worker *worker = record->pool->worker;
	bool has_line = client_worker_logs_visitors(worker);

	client_stats_add(&worker->shared->stats, worker->loop, CLIENT_STAT_RELAYS, -1);
	client_worker_release(worker);
	loop_at_turn_end(worker->loop, &worker->start_waiting);
	if (has_line)
		log_visitor(record, end, reasons[end->cause]);
	if (!has_line || may_be_refused(end))
		log_relay_end(end);
	record->pool->tally.now--;
	users_leave(record->pool->users);
	free(record);
}

/* NULL: memory is out. */
static struct record *make_record(const struct proxy *proxy)
{
	struct record *record = malloc(sizeof *record);

	if (record) {
		*record = record_of(proxy);
		users_enter(proxy->pool->users);
	}
	return record;
}

/* Of a relay that does not start. NULL is fine. */
static void drop_record(struct record *record)
{
	if (record)
		users_leave(record->pool->users);
	free(record);
}

/* Where a connection to the server returns to. `stream` owns it while it carries the visitor. */
struct origin {
	struct ahead_pool *pool;
	unsigned grant;
	struct uuid visitor;
	bool was_opened; /* the server has handed the visitor over */
	struct stream *stream;
	struct deadline hold; /* of Opened */
};

static void free_origin(struct origin *origin)
{
	deadline_stop(&origin->hold);
	users_leave(origin->pool->users);
	free(origin);
}

/* A service may need more of the visitor's bytes than came with Open before it answers. So the more
 * holds in a row were in vain, the more visitors come without one. */
static void learn_from_hold(struct ahead_pool *pool, bool in_vain)
{
	if (!in_vain)
		pool->vain_holds = 0;
	else if (pool->vain_holds < MOST_VAIN_HOLDS)
		pool->vain_holds++;
	pool->until_holds = in_vain ? 1U << pool->vain_holds : 0;
}

static void take_server_back(struct stream *stream, struct buf *rest, void *arg)
{
	struct origin *origin = arg;

	if (deadline_is_running(&origin->hold))
		learn_from_hold(origin->pool, false);
	if (origin->was_opened)
		taken_forget(&origin->pool->worker->shared->taken, &origin->visitor);
	ahead_pool_return(origin->pool, origin->grant, stream, rest);
	free_origin(origin);
}

static void lose_server(void *arg)
{
	struct origin *origin = arg;

	ahead_pool_lose(origin->pool);
	free_origin(origin);
}

static const struct stream_home home = { take_server_back, lose_server };

/* After Carry or Open, the bytes of the visitor are framed from here on. NULL: out of memory. */
static struct origin *begin_user(struct proxy *proxy)
{
	struct origin *origin = malloc(sizeof *origin);

	if (!origin)
		return NULL;
	*origin = (struct origin){ .pool = proxy->pool,
		                   .grant = proxy->grant,
		                   .visitor = proxy->id,
		                   .was_opened = proxy->was_opened,
		                   .stream = proxy->server };
	deadline_init(&origin->hold);
	if (!stream_begin_user(proxy->server, &home, origin, &proxy->received, &proxy->unsent)) {
		free(origin);
		return NULL;
	}
	users_enter(proxy->pool->users);
	proxy->is_framed = true;
	proxy->lends = false; /* the origin goes on */
	return origin;
}

/* Puts what the service is told of the visitor in front of the visitor's bytes. False: out of
 * memory. */
static bool add_header(struct proxy *proxy, size_t *len_out)
{
	enum proxy_header_version version = (enum proxy_header_version)proxy->tunnel->send_proxy;
	uint8_t header[PROXY_HEADER_MAX];

	*len_out = 0;
	if (version == PROXY_HEADER_NONE)
		return true;
	*len_out = proxy_header_write(version, &proxy->from, &proxy->to, header);
	return buf_prepend(&proxy->received, header, *len_out);
}

/* Takes the record. */
static void start_relay(struct proxy *proxy, struct record *record, size_t header_len)
{
	struct client_worker *worker = proxy->worker;
	struct relay_plan plan = { .left = proxy->server,
		                   .right = proxy->local,
		                   .for_left = &proxy->unsent,
		                   .for_right = &proxy->received,
		                   .own_for_right = header_len };

	if (record->pool->buckets) {
		plan.buckets[0] = &record->pool->buckets[0];
		plan.buckets[1] = &record->pool->buckets[1];
	}
	proxy->server = proxy->local = NULL;
	client_stats_add(&worker->shared->stats, worker->loop, CLIENT_STAT_RELAYS, 1);
	relay_start(&worker->relays, &plan, on_relay_end, record);
	end_proxy(proxy, true);
}

/* Starts the relay once both connections stand. If the local service has failed, the visitor sees
 * an orderly end. True: the proxy has ended. */
static bool join_streams(struct proxy *proxy)
{
	struct stream *server = proxy->server;
	struct record *record = NULL;
	size_t header_len;

	if (!server || (!proxy->local && !proxy->local_failed))
		return false;
	if (!proxy->local_failed)
		record = make_record(proxy);
	if ((!proxy->local_failed && !record) ||
	    (proxy->carries && !proxy->is_framed && !begin_user(proxy)) ||
	    !add_header(proxy, &header_len)) {
		proxy->failure = no_memory.why;
		drop_record(record);
		end_proxy(proxy, false);
	} else if (proxy->local_failed) {
		proxy->server = NULL;
		linger_start(&proxy->worker->lingerers, server, &proxy->unsent);
		end_proxy(proxy, false);
	} else {
		start_relay(proxy, record, header_len);
	}
	return true;
}

/* ---- the connection to the server ---- */

/* Sends Accept before the local service has answered, so that it does not wait for a slow service.
 * A write that fails here fails in the relay, too. */
static void send_unsent(struct proxy *proxy)
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
	send_unsent(arg);
}

static void join_or_send_unsent(struct proxy *proxy)
{
	if (join_streams(proxy))
		return;
	stream_set_owner(proxy->server, on_server_writable, proxy);
	send_unsent(proxy);
}

static void dial_server(struct proxy *proxy)
{
	uplink_start(&proxy->uplink, proxy->worker, SPORE_AUTH_DATA, &proxy->announcer,
	             &uplink_events);
}

/* Why a visitor was not carried, if nothing was lacking. */
static const char unreached[] = "no connection to the server";
static const char refused[] = "refused by the server", closed[] = "closed by the server";

static void fail_proxy(struct proxy *proxy, const char *what, const struct net_failure *failure)
{
	proxy->failure = failure_text(failure->lacks, what);
	fail_visitor(proxy->pool, CLIENT_FAILURE_SERVER,
	             &(struct declined){ .id = &proxy->id,
	                                 .lacks = failure->lacks,
	                                 .event = "connection failed",
	                                 .error = failure->why });
	end_proxy(proxy, false);
}

/* Asks with Claim or Carry. The server answers, so that it decides between two connections, and so
 * that none of its errors is taken for bytes of the visitor. */
static void ask_server(struct proxy *proxy, const struct message *message)
{
	struct link *link = &proxy->uplink.link;

	proxy->has_asked = true;
	link_extend(link, MESSAGE_TO_CLIENT_EXTENDED, false);
	link_send(link, message);
	uplink_expect_answer(&proxy->uplink);
}

static void take_uplink(struct proxy *proxy)
{
	proxy->server = link_take(&proxy->uplink.link, &proxy->received, &proxy->unsent);
	join_or_send_unsent(proxy);
}

/* Whether the connection shall have other visitors after this one. */
static void choose_carry(struct proxy *proxy)
{
	proxy->carries = ahead_pool_carries(proxy->pool, &proxy->announcer);
	proxy->grant = proxy->pool->grants;
}

static void on_uplink_ready(struct uplink *uplink)
{
	struct proxy *proxy = proxy_of(uplink);
	struct message claim = { .type = MESSAGE_CLAIM, .id = proxy->id };
	struct message carry;

	if (proxy->ahead) {
		ask_server(proxy, &claim);
		return;
	}
	choose_carry(proxy);
	carry = ahead_accept(proxy->pool, &proxy->id, true);
	set_lends(proxy, proxy->carries);
	if (proxy->carries) {
		ask_server(proxy, &carry);
	} else if (proxy->reads_claim) {
		ask_server(proxy, &claim);
	} else {
		link_send(&uplink->link,
		          &(struct message){ .type = MESSAGE_ACCEPT, .id = proxy->id });
		take_uplink(proxy);
	}
}

/* The connection opened ahead may still be answered. A connection that is lost before its answer is
 * replaced once. If the server has accepted
 * the visitor on the lost connection, it refuses the visitor on the new one. */
static void lose_uplink(struct proxy *proxy, const char *what, const struct net_failure *failure)
{
	if (proxy->ahead) {
		uplink_stop(&proxy->uplink);
	} else if (proxy->has_asked && !proxy->asks_again) {
		proxy->asks_again = true;
		uplink_stop(&proxy->uplink);
		deadline_start_now(&proxy->worker->slow_answers, &proxy->slow);
	} else {
		fail_proxy(proxy, what, failure);
	}
}

static void on_uplink_failed(struct uplink *uplink, const struct uplink_failure *failure)
{
	lose_uplink(proxy_of(uplink), failure->fault == UPLINK_REFUSED ? refused : unreached,
	            &(struct net_failure){ failure->why, failure->lacks });
}

/* Only the answer to Claim or Carry comes here. */
static void on_uplink_message(struct uplink *uplink, const struct message *message)
{
	struct net_failure failure = { .why = message->type == MESSAGE_ERROR
		                                      ? message->text
		                                      : "unexpected message from server" };
	struct proxy *proxy = proxy_of(uplink);

	if (message->type != MESSAGE_ACCEPTED) {
		lose_uplink(proxy, refused, &failure);
		return;
	}
	uplink_end_wait(uplink);
	if (proxy->ahead) {
		proxy->carries = false; /* it was Claim */
		set_lends(proxy, false);
	}
	ahead_drop(proxy->ahead);
	proxy->ahead = NULL;
	take_uplink(proxy);
}

static void on_uplink_end(struct uplink *uplink, const char *why)
{
	lose_uplink(proxy_of(uplink), closed, &(struct net_failure){ .why = why ? why : closed });
}

static void on_uplink_late(struct uplink *uplink, const char *why)
{
	lose_uplink(proxy_of(uplink), unreached, &(struct net_failure){ .why = why });
}

/* ---- a connection opened ahead ---- */

static void on_ahead(struct stream *stream, struct buf *received, void *arg)
{
	struct proxy *proxy = arg;

	proxy->ahead = NULL;
	deadline_stop(&proxy->slow);
	if (!stream) {
		proxy->carries = false; /* a connection that is dialled may be claimed instead */
		set_lends(proxy, false);
	}
	if (stream) {
		uplink_stop(&proxy->uplink);
		proxy->server = stream;
		proxy->received = *received;
		join_or_send_unsent(proxy);
	} else if (proxy->uplink.state == UPLINK_CLOSED) {
		/* The server did not answer Accept, so the visitor still waits there. */
		dial_server(proxy);
	}
}

void proxy_on_slow(struct deadline *deadline)
{
	dial_server(CONTAINER_OF(deadline, struct proxy, slow));
}

/* False: none is idle, or they are of another server, to which the tunnel is moving. */
static bool use_ahead(struct proxy *proxy)
{
	struct message accept;

	if (!server_place_equal(&proxy->pool->grant.server, &proxy->announcer))
		return false;
	choose_carry(proxy);
	accept = ahead_accept(proxy->pool, &proxy->id, proxy->carries);
	proxy->ahead = ahead_take(proxy->pool, &accept, on_ahead, proxy);
	proxy->lends = proxy->ahead && proxy->carries;
	if (proxy->ahead && proxy->reads_claim)
		deadline_start(&proxy->worker->slow_answers, &proxy->slow);
	return proxy->ahead != NULL;
}

/* ---- the connection to the local service ---- */

/* The server still holds the visitor, since neither Accept nor Claim was sent. */
static bool is_untouched(const struct proxy *proxy)
{
	return !proxy->server && !proxy->ahead && proxy->uplink.state != UPLINK_READY;
}

/* The server is told if it can do something about it. Otherwise it gets the data connection, which
 * ends at once. True: it was told, and the proxy has ended. */
static bool fail_local(struct proxy *proxy, const struct net_failure *failure)
{
	enum decline_reads needed = failure->lacks ? DECLINE_READS_DECLINE : DECLINE_READS_BOTH;
	bool is_told = is_untouched(proxy) && decline_is_read(proxy->pool->decliner, needed);

	proxy->local_failed = true;
	proxy->failure = failure_text(failure->lacks, "no connection to the service");
	fail_visitor(proxy->pool, CLIENT_FAILURE_SERVICE,
	             &(struct declined){ .id = &proxy->id,
	                                 .is_ended = !is_told,
	                                 .is_unserved = !failure->lacks,
	                                 .lacks = failure->lacks,
	                                 .event = failure->lacks ? "connection dropped"
	                                                         : "local service not reached",
	                                 .error = failure->why });
	if (is_told)
		end_proxy(proxy, false);
	else
		join_streams(proxy);
	return is_told;
}

/* After a visitor that has not reached the service, the next one must reach it before the server is
 * connected to. So the server can be told, even if a wrong name takes long to resolve. */
static bool may_be_unserved(const struct proxy *proxy)
{
	return proxy->pool->lacks_service &&
	       decline_is_read(proxy->pool->decliner, DECLINE_READS_BOTH);
}

static void connect_to_server(struct proxy *proxy)
{
	proxy->asks_local_first = false;
	if (!use_ahead(proxy))
		dial_server(proxy);
}

static void on_local(int fd, const spore_addr *addr, const struct net_failure *failure, void *arg)
{
	struct proxy *proxy = arg;

	proxy->dial = NULL;
	if (fd >= 0) {
		proxy->local = stream_new(proxy->worker->loop, fd, addr, NULL);
		if (!proxy->local)
			close(fd);
		failure = &no_memory;
	}
	if (proxy->local || !failure->lacks)
		proxy->pool->lacks_service = !proxy->local;
	if (proxy->local)
		stream_open(proxy->local);
	if (!proxy->local && (fail_local(proxy, failure) || !proxy->asks_local_first))
		return;
	if (proxy->asks_local_first)
		connect_to_server(proxy);
	else
		join_streams(proxy);
}

/* Do idle connections take descriptors that visitors may need? */
static bool is_crowded(const struct client_worker *worker)
{
	return worker->n_dialling + worker->relays.count + worker->n_kept / 2 >=
	       atomic_load(&worker->max_carried);
}

/* False: it failed at once, and the proxy has ended. */
static bool dial_local(struct proxy *proxy)
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
	return proxy->dial || !fail_local(proxy, &no_memory);
}

static void set_up_proxy(struct proxy *proxy)
{
	struct client_worker *worker = proxy->worker;
	bool was_opened = proxy->was_opened; /* then the proxy may be over after dial_local */

	proxy->is_started = true;
	worker->n_dialling++;
	if (is_crowded(worker))
		ahead_close_oldest(worker);
	list_append(&worker->proxies, &proxy->node);
	/* The service is dialled first: if that fails at once, the server has not been asked yet
	 * and can be told. */
	if (!dial_local(proxy) || was_opened)
		return;
	proxy->asks_local_first = proxy->dial && may_be_unserved(proxy);
	if (!proxy->asks_local_first)
		connect_to_server(proxy);
}

/* ---- the queue ---- */

/* Are descriptors what the queue waits for? */
static bool lacks_descriptors(const struct client_worker *worker)
{
	return worker->n_dialling + worker->relays.count >= atomic_load(&worker->max_carried);
}

/* Limits the visitors that dial, and the visitors in all by the descriptors. */
static bool has_room(const struct client_worker *worker)
{
	return worker->n_dialling < worker->max_dialling && !lacks_descriptors(worker);
}

void proxy_on_late(struct deadline *deadline)
{
	struct proxy *proxy = CONTAINER_OF(deadline, struct proxy, late);
	enum shortage lacks = lacks_descriptors(proxy->worker) ? SHORTAGE_DESCRIPTORS
	                                                       : SHORTAGE_NONE;

	proxy->failure = "waited too long for its turn";
	fail_visitor(
		proxy->pool, CLIENT_FAILURE_QUEUE,
		&(struct declined){ .id = &proxy->id,
	                            .is_ended = proxy->was_opened,
	                            .lacks = lacks,
	                            .event = "connection dropped",
	                            .error = lacks ? "it waited too long: no descriptor was free"
	                                           : "it waited too long for its turn" });
	end_proxy(proxy, false);
}

void proxy_run_start_waiting(struct loop_task *task)
{
	struct client_worker *worker = CONTAINER_OF(task, struct client_worker, start_waiting);

	while (has_room(worker) && !list_is_empty(&worker->waiting)) {
		struct proxy *proxy = CONTAINER_OF(worker->waiting.next, struct proxy, node);

		deadline_stop(&proxy->late);
		list_remove(&proxy->node);
		worker->n_waiting--;
		set_up_proxy(proxy);
	}
}

void proxy_refuse(struct ahead_pool *pool, const struct announced *visitor, const char *why,
                  enum shortage lacks)
{
	struct client_worker *worker = pool->worker;
	struct record record = { pool, visitor->id, visitor->from, loop_now_ms(worker->loop) };

	fail_visitor(pool, CLIENT_FAILURE_QUEUE,
	             &(struct declined){ .id = &visitor->id,
	                                 .lacks = lacks,
	                                 .event = "connection dropped",
	                                 .error = why });
	if (client_worker_logs_visitors(worker))
		log_visitor(&record, &(struct relay_end){ .error = NULL },
		            failure_text(lacks, why));
}

/* NULL: out of memory. */
static struct proxy *new_proxy(struct ahead_pool *pool, const struct announced *visitor)
{
	struct proxy *proxy = zeroed_new(sizeof *proxy);

	if (!proxy)
		return NULL;
	proxy->worker = pool->worker;
	proxy->config = config_ref(pool->config);
	proxy->tunnel = pool->tunnel;
	proxy->pool = pool;
	users_enter(pool->users);
	proxy->id = visitor->id;
	proxy->from = visitor->from;
	proxy->to = visitor->to;
	proxy->announcer = visitor->server;
	proxy->reads_claim = visitor->reads_claim;
	proxy->since_ms = loop_now_ms(pool->worker->loop);
	proxy->reap.run = run_free_proxy;
	deadline_init(&proxy->slow);
	deadline_init(&proxy->late);
	list_init(&proxy->node);
	return proxy;
}

static void start_or_queue(struct proxy *proxy)
{
	struct client_worker *worker = proxy->worker;

	proxy->pool->tally.visitors++;
	proxy->pool->tally.now++;
	if (has_room(worker)) {
		set_up_proxy(proxy);
	} else {
		worker->n_waiting++;
		list_append(&worker->waiting, &proxy->node);
		deadline_start(&worker->waits, &proxy->late);
	}
}

void proxy_start(struct ahead_pool *pool, const struct announced *visitor)
{
	struct client_worker *worker = pool->worker;
	bool is_full = worker->n_waiting >= MAX_WAITING;
	struct proxy *proxy = is_full ? NULL : new_proxy(pool, visitor);

	if (!proxy) {
		proxy_refuse(pool, visitor, is_full ? "too many wait to be set up" : no_memory.why,
		             is_full ? SHORTAGE_NONE : no_memory.lacks);
		client_worker_release(worker);
		return;
	}
	start_or_queue(proxy);
}

/* ---- a visitor that the server hands over ---- */

/* Notes the visitor if it may be taken. A client whose last visitor did not reach the service dials
 * it before it takes the next one, which must be announced for that. */
static bool note_visitor(const struct ahead_pool *pool, const struct uuid *id)
{
	struct client_worker *worker = pool->worker;

	return !lacks_descriptors(worker) && worker->n_waiting < MAX_WAITING &&
	       !pool->lacks_service &&
	       taken_note(&worker->shared->taken, id, TAKEN_OPENED, loop_now_ms(worker->loop)) ==
	               TAKEN_NOT;
}

static bool append_opened(struct buf *unsent)
{
	char frame[FRAME_MAX + 1];
	size_t len = message_format(&(struct message){ .type = MESSAGE_OPENED }, frame);

	return buf_append(unsent, frame, len, SIZE_MAX);
}

void proxy_on_held(struct deadline *deadline)
{
	struct origin *origin = CONTAINER_OF(deadline, struct origin, hold);

	struct ahead_pool *pool = origin->pool; /* the stream may free `origin` */
	bool in_vain = stream_release_user(origin->stream);

	learn_from_hold(pool, in_vain);
}

/* Frames the visitor's bytes from here on. False: out of memory. */
static bool hold_opened(struct proxy *proxy)
{
	struct ahead_pool *pool = proxy->pool;
	struct origin *origin = begin_user(proxy);

	if (!origin)
		return false;
	stream_hold_user(proxy->server);
	if (pool->until_holds == 0) {
		deadline_start(&proxy->worker->holds, &origin->hold);
	} else {
		pool->until_holds--;
		stream_release_user(proxy->server);
	}
	return true;
}

/* Takes the stream and both buffers. NULL: out of memory; nothing was taken. */
static struct proxy *new_opened(struct ahead_pool *pool, const struct announced *visitor,
                                struct stream *server, const struct buf *received,
                                const struct buf *unsent)
{
	struct proxy *proxy = new_proxy(pool, visitor);

	if (!proxy)
		return NULL;
	proxy->server = server;
	proxy->received = *received;
	proxy->unsent = *unsent;
	proxy->carries = proxy->was_opened = true;
	proxy->grant = pool->grants;
	if (hold_opened(proxy))
		return proxy;
	run_free_proxy(&proxy->reap);
	return NULL;
}

static void start_opened(struct proxy *proxy)
{
	struct client_worker *worker = proxy->worker;

	client_stats_add(&worker->shared->stats, worker->loop, CLIENT_STAT_VISITORS, 1);
	client_worker_admit(worker);
	start_or_queue(proxy);
}

void proxy_take_open(struct ahead_pool *pool, const struct message *open, struct stream *stream,
                     struct buf *received, struct buf *unsent)
{
	struct announced visitor = { .id = open->id,
		                     .to = pool->grant.to,
		                     .server = pool->grant.server };
	struct proxy *proxy = NULL;
	bool is_new;

	if (!addr_parse(open->text, &visitor.from)) /* the server does not tell the address */
		visitor.from = (spore_addr){ 0 };
	is_new = note_visitor(pool, &open->id);
	if (is_new && append_opened(unsent))
		proxy = new_opened(pool, &visitor, stream, received, unsent);
	if (proxy) {
		start_opened(proxy);
	} else {
		stream_close(stream, true);
		buf_fini(received);
		buf_fini(unsent);
		if (is_new)
			taken_forget(&pool->worker->shared->taken, &open->id);
		ahead_pool_lose(pool);
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
