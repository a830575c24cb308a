/* transport_proxy - takes the address of the client from the header that a trusted proxy sends
 * ahead of each connection (the PROXY protocol).
 *
 * The stream is busy until the header has come. After that it passes everything on, and the
 * descriptor stays raw. */
#include <arpa/inet.h>
#include <spore/transport.h>
#include <stdio.h>
#include <stdlib.h>

#include "../common/cover.h"
#include "../common/series.h"
#include "reader.h"
#include "trust.h"

struct conf {
	spore_list trusted;
	int64_t timeout;
};

static const spore_option_item prefix_item = { SPORE_OPT_CIDR, sizeof(spore_cidr), NULL, 0, 0 };

static const spore_option options[] = {
	SPORE_LIST(struct conf, trusted, SPORE_OPTF_REQUIRED | SPORE_OPTF_NOT_EMPTY, &prefix_item,
	           "prefixes of the proxies; connections from other addresses are refused"),
	SPORE_DURATION(struct conf, timeout, 0, "\"2s\"", 100, 3000,
	               "how long a proxy may take to send the header"),
};

/* What a proxy may tell of a connection, and the reasons for which one is refused. */
enum told { TOLD_CLIENT, TOLD_NO_CLIENT, N_TOLD };
enum refused {
	REFUSED_MISSING = HEADER_MISSING,
	REFUSED_MALFORMED = HEADER_MALFORMED,
	REFUSED_TOO_LONG = HEADER_TOO_LONG,
	REFUSED_CHECKSUM = HEADER_CHECKSUM,
	REFUSED_UNTRUSTED,
	REFUSED_LATE,
	REFUSED_ENDED,
	N_REFUSED
};
static const char *const told_names[N_TOLD] = { "client", "none" };
static const char *const refused_names[N_REFUSED] = { "missing",  "malformed", "too_long",
	                                              "checksum", "untrusted", "late",
	                                              "ended" };

struct proxy {
	const spore_host *host;
	const struct conf *conf;
	uint32_t told[N_TOLD], refused[N_REFUSED];
};

struct proxy_worker {
	const struct proxy *proxy;
	spore_worker *handle;
};

/* What there is until the header has come. */
struct arrival {
	uint8_t *bytes; /* owned */
	size_t n, room;
	spore_timer timer;
	struct header header; /* after a failure, header.why is the reason */
	bool is_late, has_failed;
};

enum { ADDRESS_SIZE = INET6_ADDRSTRLEN + sizeof "[]:65535" };

struct proxied {
	spore_stream base;
	spore_stream *lower;               /* owned */
	const struct proxy_worker *worker; /* NULL while detached */
	spore_conn *conn;
	spore_addr peer;         /* of the socket: the proxy */
	struct arrival *arrival; /* owned; NULL: the header has come */
	char peer_text[ADDRESS_SIZE];
};

static struct proxied *proxied_of(spore_stream *stream)
{
	return (struct proxied *)(void *)stream;
}

static const char *format_address(const spore_addr *addr, char out[ADDRESS_SIZE])
{
	bool is_ipv4 = addr->family == 4;
	char ip[INET6_ADDRSTRLEN] = "?";

	inet_ntop(is_ipv4 ? AF_INET : AF_INET6, is_ipv4 ? addr->ip + 12 : addr->ip, ip, sizeof ip);
	snprintf(out, ADDRESS_SIZE, is_ipv4 ? "%s:%u" : "[%s]:%u", ip, addr->port);
	return out;
}

/* ---- the arrival ---- */

static void free_arrival(struct proxied *p)
{
	struct arrival *arrival = p->arrival;

	if (!arrival)
		return;
	p->worker->proxy->host->timer_stop(arrival->timer);
	free(arrival->bytes);
	free(arrival);
	p->arrival = NULL;
}

static void count(const struct proxied *p, uint32_t series)
{
	p->worker->proxy->host->metric_add(p->worker->handle, series, 1);
}

/* The arrival stays, since it has the reason. */
static spore_status fail(struct proxied *p, enum refused why)
{
	p->arrival->has_failed = true;
	count(p, p->worker->proxy->refused[why]);
	return why == REFUSED_LATE ? SPORE_ETIMEOUT : SPORE_EPROTO;
}

SPORE_PRINTF(3, 4)
static spore_status fail_with(struct proxied *p, enum refused why, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(p->arrival->header.why, HEADER_WHY_SIZE, format, ap);
	va_end(ap);
	return fail(p, why);
}

/* A header may name the proxy's own end of this connection: so haproxy checks servers with version
 * 1. */
static bool names_client(const struct proxied *p)
{
	const struct header *header = &p->arrival->header;

	return header->has_client &&
	       (header->client.port != p->peer.port ||
	        memcmp(header->client.ip, p->peer.ip, sizeof p->peer.ip) != 0);
}

static spore_status accept_header(struct proxied *p)
{
	static const spore_addr nobody;
	const struct proxy *proxy = p->worker->proxy;
	bool has_client = names_client(p);
	spore_status status = proxy->host->conn_set_peer(
		p->conn, has_client ? &p->arrival->header.client : &nobody);

	if (status != SPORE_OK)
		return status;
	count(p, proxy->told[has_client ? TOLD_CLIENT : TOLD_NO_CLIENT]);
	free_arrival(p);
	return SPORE_OK;
}

static void on_late(void *arg)
{
	struct proxied *p = arg;

	p->arrival->is_late = true;
	p->worker->proxy->host->conn_wake(p->conn);
}

/* The header is not here yet. */
static spore_status wait_for_header(struct proxied *p)
{
	const struct proxy *proxy = p->worker->proxy;
	spore_status status;

	if (p->arrival->timer.id)
		return SPORE_EAGAIN;
	status = proxy->host->timer_start(p->worker->handle, proxy->conf->timeout, 0, on_late, p,
	                                  &p->arrival->timer);
	if (status == SPORE_OK)
		return SPORE_EAGAIN;
	snprintf(p->arrival->header.why, HEADER_WHY_SIZE, "no timer for the PROXY header");
	p->arrival->has_failed = true;
	return status;
}

static bool make_room(struct arrival *arrival, size_t need)
{
	uint8_t *bytes;

	if (arrival->room - arrival->n >= need)
		return true;
	bytes = realloc(arrival->bytes, arrival->n + need);
	if (!bytes)
		return false;
	arrival->bytes = bytes;
	arrival->room = arrival->n + need;
	return true;
}

/* A proxy that only tries whether the port is open is not refused. */
static spore_status end_unheard(struct arrival *arrival)
{
	snprintf(arrival->header.why, HEADER_WHY_SIZE, "the proxy sent no PROXY header");
	arrival->has_failed = true;
	return SPORE_ECLOSED;
}

/* SPORE_OK: some bytes have come. */
static spore_status read_more(struct proxied *p, uint32_t *want)
{
	struct arrival *arrival = p->arrival;
	spore_iov iov = { NULL, arrival->header.need };
	int64_t n;

	if (!make_room(arrival, iov.len))
		return SPORE_ENOMEM;
	iov.base = arrival->bytes + arrival->n;
	n = p->lower->ops->readv(p->lower, &iov, 1, want);
	if (n == SPORE_EAGAIN)
		return wait_for_header(p);
	if (n == 0 && arrival->n == 0)
		return end_unheard(arrival);
	if (n == 0)
		return fail_with(p, REFUSED_ENDED,
		                 "the proxy closed the connection after %zu bytes "
		                 "of the PROXY header",
		                 arrival->n);
	if (n < 0)
		return (spore_status)n;
	arrival->n += (size_t)n;
	return SPORE_OK;
}

static spore_status read_header(struct proxied *p, uint32_t *want)
{
	struct arrival *arrival = p->arrival;
	spore_status status = SPORE_OK;

	while (status == SPORE_OK) {
		switch (reader_read(arrival->bytes, arrival->n, &arrival->header)) {
		case HEADER_DONE:
			return accept_header(p);
		case HEADER_WRONG:
			return fail(p, (enum refused)arrival->header.fault);
		default:
			status = read_more(p, want);
		}
	}
	return status;
}

static spore_status stream_handshake(spore_stream *stream, uint32_t *want, spore_ticket ticket)
{
	struct proxied *p = proxied_of(stream);
	const struct conf *conf = p->worker->proxy->conf;

	(void)ticket;
	if (!p->arrival)
		return SPORE_OK;
	if (p->arrival->has_failed)
		return SPORE_EPROTO;
	if (!trust_covers(&conf->trusted, &p->peer))
		return fail_with(p, REFUSED_UNTRUSTED,
		                 "expected a connection from a trusted proxy: the address is in no "
		                 "prefix of \"trusted\"");
	if (p->arrival->is_late)
		return fail_with(p, REFUSED_LATE,
		                 "expected the whole PROXY header within %lld ms, found %zu bytes",
		                 (long long)conf->timeout, p->arrival->n);
	return read_header(p, want);
}

/* ---- everything is passed on ---- */

static int64_t stream_readv(spore_stream *stream, const spore_iov *iov, uint32_t n, uint32_t *want)
{
	spore_stream *lower = proxied_of(stream)->lower;

	return lower->ops->readv(lower, iov, n, want);
}

static int64_t stream_writev(spore_stream *stream, const spore_iov *iov, uint32_t n, uint32_t *want)
{
	spore_stream *lower = proxied_of(stream)->lower;

	return lower->ops->writev(lower, iov, n, want);
}

static spore_status stream_flush(spore_stream *stream, uint32_t *want)
{
	spore_stream *lower = proxied_of(stream)->lower;

	return SPORE_CAN(lower->ops, flush) ? lower->ops->flush(lower, want) : SPORE_OK;
}

static size_t stream_pending(spore_stream *stream)
{
	spore_stream *lower = proxied_of(stream)->lower;

	return SPORE_CAN(lower->ops, pending) ? lower->ops->pending(lower) : 0;
}

static spore_status stream_shutdown(spore_stream *stream, uint32_t *want)
{
	spore_stream *lower = proxied_of(stream)->lower;

	return lower->ops->shutdown(lower, want);
}

static void stream_close(spore_stream *stream, uint32_t how)
{
	struct proxied *p = proxied_of(stream);

	p->lower->ops->close(p->lower, how);
	free_arrival(p);
	free(p);
}

static uint32_t stream_raw(spore_stream *stream)
{
	spore_stream *lower = proxied_of(stream)->lower;

	return SPORE_CAN(lower->ops, raw) ? lower->ops->raw(lower) : 0;
}

static uint32_t stream_attr(spore_stream *stream, const char *key, size_t index, spore_str *out)
{
	struct proxied *p = proxied_of(stream);

	if (strcmp(key, "proxy.address") != 0 || index > 0)
		return 0;
	*out = spore_cstr(format_address(&p->peer, p->peer_text));
	return 1;
}

static const char *stream_error(spore_stream *stream)
{
	const struct proxied *p = proxied_of(stream);

	return p->arrival && p->arrival->has_failed ? p->arrival->header.why : NULL;
}

/* The host moves only open streams, so there is no arrival. */
static spore_status stream_detach(spore_stream *stream)
{
	proxied_of(stream)->worker = NULL;
	return SPORE_OK;
}

static spore_status stream_attach(spore_stream *stream, const spore_attach_args *args)
{
	proxied_of(stream)->worker = args->state;
	return SPORE_OK;
}

static const spore_stream_ops stream_ops = {
	.struct_size = sizeof stream_ops,
	.handshake = stream_handshake,
	.readv = stream_readv,
	.writev = stream_writev,
	.flush = stream_flush,
	.pending = stream_pending,
	.shutdown = stream_shutdown,
	.close = stream_close,
	.raw = stream_raw,
	.attr = stream_attr,
	.error = stream_error,
	.detach = stream_detach,
	.attach = stream_attach,
};

static spore_status wrap(void *state, const spore_wrap_args *args, spore_stream **upper_out)
{
	struct proxied *p = calloc(1, sizeof *p);
	struct arrival *arrival = calloc(1, sizeof *arrival);

	if (!p || !arrival) {
		free(p);
		free(arrival);
		return SPORE_ENOMEM;
	}
	p->base.ops = &stream_ops;
	p->lower = args->lower;
	p->worker = state;
	p->conn = args->conn;
	p->peer = *args->peer;
	p->arrival = arrival;
	*upper_out = &p->base;
	return SPORE_OK;
}

/* ---- the component ---- */

static void warn_if_all_are_trusted(const spore_create_args *args)
{
	static const spore_list none;
	const struct conf *conf = args->conf;
	struct cover_lists lists = { &none, &conf->trusted, 0 };
	int all4 = cover_denies_all(&lists, 4) == 1, all6 = cover_denies_all(&lists, 6) == 1;

	if (all4 || all6)
		spore_logf(
			args->host, args->ctx, SPORE_LOG_WARN,
			"trusted covers every %saddress: whoever reaches this port can claim any "
			"address",
			all4 && all6 ? ""
			: all4       ? "IPv4 "
				     : "IPv6 ");
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	const struct series_label told = { "result", told_names, N_TOLD },
				  refused = { "reason", refused_names, N_REFUSED };
	struct proxy *proxy;

	warn_if_all_are_trusted(args);
	proxy = malloc(sizeof *proxy);
	if (!proxy)
		return SPORE_ENOMEM;
	*proxy = (struct proxy){ .host = args->host, .conf = args->conf };
	series_counters(args, "headers_total",
	                "Headers that were accepted, by whether they name a client.", &told,
	                proxy->told);
	series_counters(args, "refusals_total",
	                "Connections that were refused for their address or header, by reason.",
	                &refused, proxy->refused);
	*instance_out = proxy;
	return SPORE_OK;
}

static spore_status worker_start(void *instance, spore_worker *handle, spore_ticket ticket,
                                 void **state_out)
{
	struct proxy_worker *worker = malloc(sizeof *worker);

	(void)ticket;
	if (!worker)
		return SPORE_ENOMEM;
	*worker = (struct proxy_worker){ instance, handle };
	*state_out = worker;
	return SPORE_OK;
}

static const char *const attr_keys[] = { "proxy.address", NULL };

static const spore_transport_ops ops = {
	.struct_size = sizeof ops,
	.flags = SPORE_TRANSPORTF_TELLS_PEER,
	.wrap = wrap,
	.stream_ops = &stream_ops,
	.attr_keys = attr_keys,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_TRANSPORT,
	.name = "proxy",
	.summary =
		"the client's address, as a proxy in front of the server tells it (PROXY protocol)",
	.ops = &ops,
	.options = options,
	.n_options = sizeof options / sizeof *options,
	.option_size = sizeof *options,
	.conf_size = sizeof(struct conf),
	.create = create,
	.destroy = free,
	.worker_start = worker_start,
	.worker_stop = free,
};

SPORE_PLUGIN("transport_proxy", "1.0.0", "The Spore authors", "MIT", "", &component);
