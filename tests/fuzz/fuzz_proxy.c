/* fuzz_proxy - what a trusted proxy sends: the readers of the PROXY protocol byte by byte, and the
 * plugin transport_proxy over a lower stream that hands out the input in pieces.
 *
 * The first byte of the input chooses the pieces; the rest is what comes from the proxy. */
#include <arpa/inet.h>
#include <spore/transport.h>

#include "fuzz.h"
#include "reader.h"

/* ---- the readers ---- */

static bool is_plain(const char *text)
{
	for (; *text; text++) {
		if (*text < 0x20 || *text >= 0x7F)
			return false;
	}
	return true;
}

/* Reads the first n bytes, from a block that ends behind them. */
static enum header_result read_first(const uint8_t *data, size_t n, struct header *out)
{
	uint8_t *exact = fuzz_exact(data, n);
	enum header_result result = reader_read(exact, n, out);

	free(exact);
	FUZZ_CHECK(result != HEADER_MORE || out->need > 0);
	FUZZ_CHECK(result != HEADER_DONE || (out->len > 0 && out->len <= n));
	FUZZ_CHECK(result != HEADER_WRONG || (*out->why && is_plain(out->why)));
	return result;
}

/* A line of version 1 has one form for IPv4, so it can be written again. */
static void check_ipv4_line(const uint8_t *data, const struct header *header)
{
	const spore_addr *client = &header->client;
	char line[HEADER_V1_MAX + 1], begin[64], ip[INET_ADDRSTRLEN], port[16];

	FUZZ_CHECK(header->len <= HEADER_V1_MAX);
	memcpy(line, data, header->len);
	line[header->len] = '\0';
	inet_ntop(AF_INET, client->ip + 12, ip, sizeof ip);
	snprintf(begin, sizeof begin, "PROXY TCP4 %s ", ip);
	snprintf(port, sizeof port, " %u ", client->port);
	FUZZ_CHECK(strncmp(line, begin, strlen(begin)) == 0);
	FUZZ_CHECK(strstr(line, port));
	FUZZ_CHECK(strcmp(line + header->len - 2, "\r\n") == 0);
}

static void check_done(const uint8_t *data, const struct header *header)
{
	const spore_addr *client = &header->client;

	FUZZ_CHECK(header->version == 1 || header->version == 2);
	if (!header->has_client) {
		FUZZ_CHECK(client->family == 0);
		return;
	}
	FUZZ_CHECK(client->family == 4 || client->family == 6);
	if (header->version == 1 && data[9] == '4')
		check_ipv4_line(data, header);
	if (header->version == 2 && data[13] == 0x21)
		FUZZ_CHECK(memcmp(client->ip, data + 16, 16) == 0);
	if (header->version == 2 && data[13] == 0x11)
		FUZZ_CHECK(memcmp(client->ip + 12, data + 16, 4) == 0);
}

/* Each beginning of the input is read. More bytes never change a result, and no reader asks for
 * bytes behind the header. */
static enum header_result check_readers(const uint8_t *data, size_t size, struct header *out)
{
	enum header_result result = HEADER_MORE, next;
	struct header header;
	size_t wanted = 0;

	for (size_t n = 0; n <= size && n <= HEADER_MAX + 8; n++) {
		next = read_first(data, n, &header);
		FUZZ_CHECK(result == HEADER_MORE || next == result);
		if (next == HEADER_MORE && n + header.need > wanted)
			wanted = n + header.need;
		if (next == HEADER_DONE)
			FUZZ_CHECK(wanted <= header.len && header.len <= n);
		result = next;
	}
	*out = header;
	if (result == HEADER_DONE)
		check_done(data, out);
	return result;
}

/* ---- the host ---- */

struct spore_conn {
	spore_addr told;
	unsigned n_told;
};

static unsigned n_timers;

static spore_status conn_set_peer(spore_conn *conn, const spore_addr *peer)
{
	conn->told = *peer;
	conn->n_told++;
	return SPORE_OK;
}

static spore_status timer_start(spore_worker *worker, int64_t after_ms, int64_t repeat_ms,
                                void (*on_timer)(void *arg), void *arg, spore_timer *out)
{
	(void)worker;
	(void)after_ms;
	(void)repeat_ms;
	(void)on_timer;
	(void)arg;
	n_timers++;
	out->id = 1;
	return SPORE_OK;
}

static spore_status timer_stop(spore_timer timer)
{
	n_timers -= (unsigned)timer.id;
	return SPORE_OK;
}

static uint32_t metric_family(spore_ctx *ctx, const spore_metric_spec *spec)
{
	(void)ctx;
	(void)spec;
	return 0;
}

static uint32_t metric_series(uint32_t family, const spore_str *values, size_t n)
{
	(void)family;
	(void)values;
	(void)n;
	return 0;
}

static void metric_add(spore_worker *worker, uint32_t series, double delta)
{
	(void)worker;
	(void)series;
	(void)delta;
}

static uint32_t log_enabled(const spore_ctx *ctx, int32_t level)
{
	(void)ctx;
	(void)level;
	return 0;
}

static const spore_host host = {
	.struct_size = sizeof host,
	.log_enabled = log_enabled,
	.timer_start = timer_start,
	.timer_stop = timer_stop,
	.conn_set_peer = conn_set_peer,
	.metric_family = metric_family,
	.metric_series = metric_series,
	.metric_add = metric_add,
};

/* ---- the socket ---- */

struct socket {
	spore_stream base;
	const uint8_t *data;
	size_t size, at;
	uint8_t piece; /* most bytes of a read */
	bool waits;    /* the next read would block */
	bool closed;
};

static int64_t socket_readv(spore_stream *stream, const spore_iov *iov, uint32_t n, uint32_t *want)
{
	struct socket *socket = (struct socket *)(void *)stream;
	size_t len = socket->size - socket->at;

	(void)n;
	*want = SPORE_READ;
	socket->waits = !socket->waits;
	if (socket->waits)
		return SPORE_EAGAIN;
	len = len < iov->len ? len : iov->len;
	len = len < socket->piece ? len : socket->piece;
	memcpy(iov->base, socket->data + socket->at, len);
	socket->at += len;
	return (int64_t)len;
}

static void socket_close(spore_stream *stream, uint32_t how)
{
	(void)how;
	((struct socket *)(void *)stream)->closed = true;
}

static const spore_stream_ops socket_ops = { .struct_size = sizeof socket_ops,
	                                     .readv = socket_readv,
	                                     .close = socket_close };

/* ---- the plugin ---- */

static void set_option(const spore_component *component, void *conf, const char *name,
                       const void *value, size_t size)
{
	for (uint32_t i = 0; i < component->n_options; i++) {
		if (strcmp(component->options[i].name, name) == 0) {
			memcpy((char *)conf + component->options[i].offset, value, size);
			return;
		}
	}
	abort();
}

static spore_status shake_hands(const spore_transport_ops *ops, spore_stream *stream)
{
	spore_status status;
	uint32_t want;

	do
		status = ops->stream_ops->handshake(stream, &want, 1);
	while (status == SPORE_EAGAIN);
	return status;
}

/* What the plugin tells: the client, unless that is the proxy's end of the connection. */
static spore_addr expected_peer(const struct header *header, const spore_addr *proxy)
{
	if (memcmp(&header->client, proxy, sizeof *proxy) == 0)
		return (spore_addr){ .family = 0 };
	return header->client;
}

/* The plugin takes the header and not a byte more, and tells what the readers have read. */
static void check_stream(const spore_transport_ops *ops, void *state, const struct header *header,
                         enum header_result result, struct socket *socket)
{
	static const spore_addr proxy = { .family = 4, .ip = { [10] = 0xFF, 0xFF, 127, 0, 0, 1 } };
	struct spore_conn conn = { .n_told = 0 };
	spore_wrap_args args = { .struct_size = sizeof args,
		                 .role = SPORE_ROLE_SERVER,
		                 .lower = &socket->base,
		                 .conn = &conn,
		                 .peer = &proxy,
		                 .fd = -1 };
	spore_addr expected = expected_peer(header, &proxy);
	spore_stream *stream;
	spore_status status;

	FUZZ_CHECK(ops->wrap(state, &args, &stream) == SPORE_OK);
	status = shake_hands(ops, stream);
	FUZZ_CHECK((status == SPORE_OK) == (result == HEADER_DONE));
	FUZZ_CHECK(conn.n_told == (status == SPORE_OK));
	if (status == SPORE_OK) {
		FUZZ_CHECK(socket->at == header->len);
		FUZZ_CHECK(memcmp(&conn.told, &expected, sizeof expected) == 0);
	} else {
		FUZZ_CHECK(ops->stream_ops->error(stream));
		FUZZ_CHECK(shake_hands(ops, stream) != SPORE_OK);
	}
	ops->stream_ops->close(stream, SPORE_CLOSE_RST);
	FUZZ_CHECK(socket->closed && n_timers == 0);
}

static void check_plugin(const uint8_t *data, size_t size, uint8_t piece,
                         const struct header *header, enum header_result result)
{
	static const spore_cidr prefix = { .ip = { [10] = 0xFF, 0xFF, 127 },
		                           .prefix_len = 104,
		                           .family = 4 };
	const spore_component *component = spore_plugin_v1()->components[0];
	const spore_list trusted = { .items = &prefix, .count = 1 };
	const int64_t timeout = 1000;
	void *conf = calloc(1, component->conf_size), *instance, *state;
	spore_create_args args = { .struct_size = sizeof args,
		                   .role = SPORE_ROLE_SERVER,
		                   .host = &host,
		                   .instance = "proxy",
		                   .conf = conf };
	struct socket socket = { { &socket_ops }, .data = data, .size = size, .piece = piece };

	set_option(component, conf, "trusted", &trusted, sizeof trusted);
	set_option(component, conf, "timeout", &timeout, sizeof timeout);
	FUZZ_CHECK(component->create(&args, &instance) == SPORE_OK);
	FUZZ_CHECK(component->worker_start(instance, NULL, 0, &state) == SPORE_OK);
	check_stream(component->ops, state, header, result, &socket);
	component->worker_stop(state);
	component->destroy(instance);
	free(conf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum header_result result;
	struct header header;

	if (size == 0)
		return 0;
	result = check_readers(data + 1, size - 1, &header);
	check_plugin(data + 1, size - 1, data[0] ? data[0] : 1, &header, result);
	return 0;
}
