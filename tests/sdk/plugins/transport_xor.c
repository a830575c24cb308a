/* transport_xor - every byte XOR a key. It is no protection, but as difficult for the host as the
 * rules allow. It moves few bytes at a time, holds some back in both directions, would block in
 * half of the calls, waits for the readiness of the other direction, and may finish its handshake
 * on another thread. It may leave one direction unchanged; then the host uses the descriptor
 * itself. */
#include <spore/transport.h>
#include <stdatomic.h>

#include "probe.h"

enum { HANDSHAKE_NONE, HANDSHAKE_BYTE, HANDSHAKE_THREAD };
enum { CLEAR_NONE, CLEAR_UP, CLEAR_DOWN };
enum { GREETING = 0x58, HOLD = 64 };

struct conf {
	int64_t key, handshake, clear, chunk, hold;
	uint32_t stutter, refuse_wrap, other_ops;
};

static const spore_option options[] = {
	SPORE_INT(struct conf, key, 0, "90", 1, 255, "XORed with every byte"),
	SPORE_ENUM(struct conf, handshake, 0, "\"none\"", "none|byte|thread", "how it opens"),
	SPORE_ENUM(struct conf, clear, 0, "\"none\"", "none|up|down",
	           "what is left as it is: to the server, or from it"),
	SPORE_INT(struct conf, chunk, 0, "16384", 1, 65536, "most bytes that one call moves"),
	SPORE_INT(struct conf, hold, 0, "0", 0, HOLD,
	          "bytes that are kept inside, each way; 0: none"),
	SPORE_BOOL(struct conf, stutter, 0, NULL, "would block at half of the calls"),
	SPORE_BOOL(struct conf, refuse_wrap, 0, NULL, "wrap() fails"),
	SPORE_BOOL(struct conf, other_ops, 0, NULL,
	           "wrap() gives a stream whose operations are not the declared ones"),
};

struct instance {
	PROBE_FIELDS;
	uint32_t clear; /* directions of its streams */
};

struct state {
	struct instance *instance;
	spore_worker *worker;
};

/* Shared by a stream and the thread that finishes its handshake; the last one frees it. */
struct errand {
	const spore_host *host;
	spore_ticket ticket;
	atomic_int refs, done;
};

enum phase { SENDING, FLUSHING, RECEIVING, ON_ERRAND, OPEN };

/* in: bytes read, decoded and not yet handed on; out: encoded and not yet written. */
struct xored {
	spore_stream base;
	spore_stream *lower;
	struct state *state;
	enum phase phase;
	struct errand *errand;
	uint32_t dice;
	uint8_t in[HOLD], out[HOLD];
	size_t in_at, in_len, out_len;
	const char *error;
	char key_text[8];
};

static const spore_stream_ops stream_ops;

static struct xored *xored_of(spore_stream *stream)
{
	return (struct xored *)(void *)stream;
}

static const struct conf *conf_of(const struct xored *x)
{
	return x->state->instance->conf;
}

static int is_clear(const struct xored *x, uint32_t direction)
{
	return (x->state->instance->clear & direction) != 0;
}

static size_t pending_below(const struct xored *x)
{
	const spore_stream_ops *ops = x->lower->ops;

	return SPORE_CAN(ops, pending) ? ops->pending(x->lower) : 0;
}

static spore_status flush_below(const struct xored *x, uint32_t *want)
{
	const spore_stream_ops *ops = x->lower->ops;

	return SPORE_CAN(ops, flush) ? ops->flush(x->lower, want) : SPORE_OK;
}

static size_t stream_pending(spore_stream *stream)
{
	const struct xored *x = xored_of(stream);

	return x->in_len - x->in_at + pending_below(x);
}

/* Half of the calls would block: for their own direction, or for the other one, which is legal
 * too. (Buffered bytes do not make a descriptor readable.) The choice is random: two stacked
 * streams that block in turns could block each other for ever. */
static int stutters(struct xored *x, uint32_t own, uint32_t *want)
{
	x->dice = x->dice * 1103515245 + 12345;
	if (!conf_of(x)->stutter || x->dice >> 16 & 1)
		return 0;
	*want = x->dice >> 17 & 1 && stream_pending(&x->base) == 0 ? own : SPORE_WRITE;
	return 1;
}

/* ---- the handshake ---- */

static void errand_drop(struct errand *errand)
{
	if (errand && atomic_fetch_sub(&errand->refs, 1) == 1)
		free(errand);
}

/* [blocking] */
static void run_errand(void *arg)
{
	struct errand *errand = arg;

	atomic_store(&errand->done, 1);
	errand->host->complete_handshake(errand->ticket, SPORE_OK);
}

static void on_errand_done(void *arg)
{
	errand_drop(arg);
}

static spore_status send_on_errand(struct xored *x, spore_ticket ticket)
{
	const struct instance *instance = x->state->instance;
	struct errand *errand = malloc(sizeof *errand);

	if (!errand)
		return SPORE_ENOMEM;
	*errand = (struct errand){ instance->host, ticket, 2, 0 };
	if (instance->host->offload(x->state->worker, run_errand, on_errand_done, errand) !=
	    SPORE_OK) {
		free(errand);
		x->error = "the host's pool refused";
		return SPORE_EBUSY;
	}
	x->errand = errand;
	x->phase = ON_ERRAND;
	return SPORE_EPENDING;
}

static spore_status send_greeting(struct xored *x, uint32_t *want)
{
	uint8_t byte = GREETING;
	spore_iov iov = { &byte, 1 };
	int64_t n = x->lower->ops->writev(x->lower, &iov, 1, want);

	if (n == 1)
		x->phase = FLUSHING;
	return n == 1 ? SPORE_OK : (spore_status)n;
}

/* The host flushes the topmost stream alone, and only once all are open. */
static spore_status flush_greeting(struct xored *x, uint32_t *want)
{
	spore_status status = flush_below(x, want);

	if (status == SPORE_OK)
		x->phase = RECEIVING;
	return status;
}

static spore_status receive_greeting(struct xored *x, uint32_t *want)
{
	uint8_t byte;
	spore_iov iov = { &byte, 1 };
	int64_t n = x->lower->ops->readv(x->lower, &iov, 1, want);

	if (n == 1 && byte == GREETING) {
		x->phase = OPEN;
		return SPORE_OK;
	}
	if (n == SPORE_EAGAIN)
		return SPORE_EAGAIN;
	x->error = "expected the greeting X: does the other side use xor, too?";
	return SPORE_EPROTO;
}

static spore_status handshake(spore_stream *stream, uint32_t *want, spore_ticket ticket)
{
	struct xored *x = xored_of(stream);
	int64_t kind = conf_of(x)->handshake;
	spore_status status = SPORE_OK;

	if (x->phase == ON_ERRAND) {
		if (!atomic_load(&x->errand->done))
			return SPORE_EPENDING;
		x->phase = OPEN;
	}
	if (kind == HANDSHAKE_NONE || x->phase == OPEN)
		return SPORE_OK;
	if (stutters(x, x->phase == RECEIVING ? SPORE_READ : SPORE_WRITE, want))
		return SPORE_EAGAIN;
	if (x->phase == SENDING)
		status = send_greeting(x, want);
	if (status == SPORE_OK && x->phase == FLUSHING)
		status = flush_greeting(x, want);
	if (status == SPORE_OK && x->phase == RECEIVING)
		status = receive_greeting(x, want);
	if (status == SPORE_OK && kind == HANDSHAKE_THREAD)
		return send_on_errand(x, ticket);
	return status;
}

/* ---- bytes ---- */

static void code(const struct xored *x, uint8_t *to, const uint8_t *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = from[i] ^ (uint8_t)conf_of(x)->key;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Fills `in`: > 0, 0 at the end, or a status. */
static int64_t refill(struct xored *x, uint32_t *want)
{
	spore_iov iov = { x->in, (size_t)conf_of(x)->hold };
	int64_t n = x->lower->ops->readv(x->lower, &iov, 1, want);

	x->in_at = 0;
	x->in_len = n > 0 ? (size_t)n : 0;
	code(x, x->in, x->in, x->in_len);
	return n;
}

static int64_t readv_held(struct xored *x, void *to, size_t len, uint32_t *want)
{
	if (x->in_at == x->in_len) {
		int64_t n = refill(x, want);

		if (n <= 0)
			return n;
	}
	len = least(len, x->in_len - x->in_at);
	memcpy(to, x->in + x->in_at, len);
	x->in_at += len;
	return (int64_t)len;
}

static int64_t stream_readv(spore_stream *stream, const spore_iov *iov, uint32_t n_iov,
                            uint32_t *want)
{
	struct xored *x = xored_of(stream);
	spore_iov part = { iov->base, least(iov->len, (size_t)conf_of(x)->chunk) };
	int64_t n;

	if (is_clear(x, SPORE_READ))
		return x->lower->ops->readv(x->lower, iov, n_iov, want);
	/* a partial transfer is allowed */
	if (stutters(x, SPORE_READ, want))
		return SPORE_EAGAIN;
	if (conf_of(x)->hold)
		return readv_held(x, part.base, part.len, want);
	n = x->lower->ops->readv(x->lower, &part, 1, want);
	if (n > 0)
		code(x, part.base, part.base, (size_t)n);
	return n;
}

static spore_status stream_flush(spore_stream *stream, uint32_t *want)
{
	struct xored *x = xored_of(stream);

	while (x->out_len > 0) {
		spore_iov iov = { x->out, x->out_len };
		int64_t n;

		if (stutters(x, SPORE_WRITE, want))
			return SPORE_EAGAIN;
		n = x->lower->ops->writev(x->lower, &iov, 1, want);
		if (n <= 0)
			return (spore_status)n;
		x->out_len -= (size_t)n;
		memmove(x->out, x->out + n, x->out_len);
	}
	return flush_below(x, want);
}

static int64_t writev_held(struct xored *x, const uint8_t *from, size_t len, uint32_t *want)
{
	spore_status status = x->out_len == (size_t)conf_of(x)->hold ? stream_flush(&x->base, want)
	                                                             : SPORE_OK;
	size_t room = (size_t)conf_of(x)->hold - x->out_len;

	if (room == 0)
		return status;
	len = least(len, room);
	code(x, x->out + x->out_len, from, len);
	x->out_len += len;
	return (int64_t)len;
}

static int64_t stream_writev(spore_stream *stream, const spore_iov *iov, uint32_t n_iov,
                             uint32_t *want)
{
	struct xored *x = xored_of(stream);
	size_t len = least(iov->len, (size_t)conf_of(x)->chunk);
	uint8_t coded[4096];
	spore_iov part = { coded, least(len, sizeof coded) };

	if (is_clear(x, SPORE_WRITE))
		return x->lower->ops->writev(x->lower, iov, n_iov, want);
	if (stutters(x, SPORE_WRITE, want))
		return SPORE_EAGAIN;
	if (conf_of(x)->hold)
		return writev_held(x, iov->base, len, want);
	code(x, coded, iov->base, part.len);
	return x->lower->ops->writev(x->lower, &part, 1, want);
}

/* ---- the rest ---- */

static spore_status stream_shutdown(spore_stream *stream, uint32_t *want)
{
	struct xored *x = xored_of(stream);
	spore_status status = stream_flush(stream, want);

	if (status == SPORE_OK && stutters(x, SPORE_WRITE, want))
		return SPORE_EAGAIN;
	return status == SPORE_OK ? x->lower->ops->shutdown(x->lower, want) : status;
}

/* The last bytes leave if the stream below takes them at once. */
static void send_rest(struct xored *x)
{
	spore_iov iov = { x->out, x->out_len };
	uint32_t want;

	if (x->out_len)
		x->lower->ops->writev(x->lower, &iov, 1, &want);
}

static void stream_close(spore_stream *stream, uint32_t how)
{
	struct xored *x = xored_of(stream);

	if (how == SPORE_CLOSE_FIN && x->state)
		send_rest(x);
	x->lower->ops->close(x->lower, how);
	errand_drop(x->errand);
	free(x);
}

/* ---- moving to another worker ---- */

static spore_status stream_detach(spore_stream *stream)
{
	struct xored *x = xored_of(stream);

	if (x->phase == ON_ERRAND)
		return SPORE_EBUSY;
	x->state = NULL;
	return SPORE_OK;
}

static spore_status stream_attach(spore_stream *stream, const spore_attach_args *args)
{
	xored_of(stream)->state = args->state;
	return SPORE_OK;
}

static uint32_t stream_raw(spore_stream *stream)
{
	const struct xored *x = xored_of(stream);
	const spore_stream_ops *ops = x->lower->ops;

	return SPORE_CAN(ops, raw) ? x->state->instance->clear & ops->raw(x->lower) : 0;
}

static uint32_t stream_attr(spore_stream *stream, const char *key, size_t index, spore_str *out)
{
	struct xored *x = xored_of(stream);

	if (strcmp(key, "xor.key") != 0 || index > 0)
		return 0;
	snprintf(x->key_text, sizeof x->key_text, "%d", (int)conf_of(x)->key);
	*out = spore_cstr(x->key_text);
	return 1;
}

static const char *stream_error(spore_stream *stream)
{
	return xored_of(stream)->error;
}

static const spore_stream_ops stream_ops = {
	.struct_size = sizeof stream_ops,
	.handshake = handshake,
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
	struct xored *x = calloc(1, sizeof *x);

	if (!x)
		return SPORE_ENOMEM;
	x->base.ops = &stream_ops;
	x->lower = args->lower;
	x->state = state;
	if (conf_of(x)->refuse_wrap) {
		free(x);
		return SPORE_EBACKEND;
	}
	if (conf_of(x)->other_ops) {
		static spore_stream_ops other;
		static spore_stream undeclared = { &other };

		free(x);
		other = stream_ops;
		*upper_out = &undeclared;
		return SPORE_OK;
	}
	*upper_out = &x->base;
	return SPORE_OK;
}

static uint32_t clear_directions(const spore_create_args *args)
{
	const struct conf *conf = args->conf;

	if (conf->clear == CLEAR_NONE)
		return 0;
	return (conf->clear == CLEAR_UP) == (args->role == SPORE_ROLE_SERVER) ? SPORE_READ
	                                                                      : SPORE_WRITE;
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	struct instance *instance = malloc(sizeof *instance);

	if (!instance)
		return SPORE_ENOMEM;
	*instance = (struct instance){ args->host, args->ctx, args->conf, clear_directions(args) };
	*instance_out = instance;
	return SPORE_OK;
}

static spore_status worker_start(void *instance, spore_worker *worker, spore_ticket ticket,
                                 void **state_out)
{
	struct state *state = malloc(sizeof *state);

	(void)ticket;
	if (!state)
		return SPORE_ENOMEM;
	*state = (struct state){ instance, worker };
	*state_out = state;
	return SPORE_OK;
}

static const char *const attr_keys[] = { "xor.key", NULL };

static const spore_transport_ops ops = {
	.struct_size = sizeof ops,
	.wrap = wrap,
	.stream_ops = &stream_ops,
	.attr_keys = attr_keys,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_TRANSPORT,
	.name = "xor",
	.summary = "every byte XOR a key",
	.ops = &ops,
	PROBE_ROWS(options),
	.conf_size = sizeof(struct conf),
	.create = create,
	.destroy = free,
	.worker_start = worker_start,
	.worker_stop = free,
};

SPORE_PLUGIN("transport_xor", "1.0.0", "The Spore authors", "MIT", "", &component);
