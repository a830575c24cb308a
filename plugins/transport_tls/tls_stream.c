#include "tls_stream.h"

#include <openssl/err.h>
#include <stdlib.h>

#include "resume/tls_session.h"
#include "tls_attr.h"
#include "tls_bio.h"
#include "tls_error.h"
#include "tls_kernel.h"
#include "tls_queue.h"
#include "tls_verify.h"

static struct tls_stream *stream_of(spore_stream *base)
{
	return (struct tls_stream *)(void *)base;
}

static spore_status break_stream(struct tls_stream *stream, spore_status status)
{
	stream->broken = status;
	tls_bio_drop(stream);
	return status;
}

static spore_status out_of_memory(struct tls_stream *stream)
{
	tls_error_set(stream, "out of memory");
	return break_stream(stream, SPORE_ENOMEM);
}

/* ---- opening ---- */

/* If the kernel may take over the output, each direction gets its own BIO. */
static bool set_bios(struct tls_stream *stream, SSL *ssl)
{
	BIO *reader = tls_bio_new(stream);
	BIO *writer = stream->worker->tls->kernel ? tls_bio_new(stream) : reader;

	if (!reader || !writer) {
		BIO_free(reader);
		if (writer != reader)
			BIO_free(writer);
		return false;
	}
	SSL_set_bio(ssl, reader, writer);
	stream->writer = writer;
	return true;
}

static bool make_ssl(struct tls_stream *stream, const char *server_name)
{
	struct tls *tls = stream->worker->tls;
	SSL *ssl = SSL_new(tls->ctx);

	if (!ssl || !set_bios(stream, ssl) ||
	    (server_name && !tls_verify_expect(ssl, server_name))) {
		SSL_free(ssl);
		ERR_clear_error();
		return false;
	}
	SSL_set_app_data(ssl, stream);
	if (tls->server) {
		SSL_set_accept_state(ssl);
	} else {
		SSL_set_connect_state(ssl);
		tls_session_offer(tls, ssl);
	}
	stream->ssl = ssl;
	tls_queue_add(stream);
	return true;
}

/* A server allocates no SSL before the client's first byte, so idle connections cost nothing. */
static spore_status await_client(struct tls_stream *stream, uint32_t *want)
{
	int64_t n = tls_bio_fill(stream);

	if (n == SPORE_EAGAIN) {
		*want = stream->want;
		return SPORE_EAGAIN;
	}
	if (n <= 0 || !tls_error_speaks_tls(stream))
		return tls_error_take(stream);
	if (make_ssl(stream, NULL))
		return SPORE_OK;
	tls_error_set(stream, "out of memory");
	return SPORE_ENOMEM;
}

/* Whatever is configured, a client never accepts a handshake without a server certificate. */
static spore_status check_server_is_known(struct tls_stream *stream)
{
	if (stream->worker->tls->server || SSL_get0_peer_certificate(stream->ssl))
		return SPORE_OK;
	tls_error_set(stream, "the server sent no certificate");
	return SPORE_EPROTO;
}

/* Advances the handshake. SPORE_OK: it is done. */
static spore_status step_handshake(struct tls_stream *stream)
{
	int result, error;

	tls_kernel_prepare(stream);
	ERR_clear_error();
	result = SSL_do_handshake(stream->ssl);
	if (result == 1)
		return check_server_is_known(stream);
	error = SSL_get_error(stream->ssl, result);
	/* The host does not ask for pending bytes during a handshake. Waiting for write readiness
	 * makes it call again at once. */
	if (error == SSL_ERROR_WANT_WRITE || stream->cut_short)
		stream->want = SPORE_WRITE;
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		return SPORE_EAGAIN;
	return tls_error_take(stream);
}

static void log_handshake(const struct tls_stream *stream)
{
	const struct tls *tls = stream->worker->tls;

	spore_logf(tls->host, tls->log, SPORE_LOG_DEBUG, "handshake done: %s, %s%s%s",
	           SSL_get_version(stream->ssl), SSL_get_cipher_name(stream->ssl),
	           SSL_session_reused(stream->ssl) ? ", resumed" : "",
	           stream->in_kernel ? ", sent by the kernel" : "");
}

static void become_open(struct tls_stream *stream)
{
	stream->open = true;
	stream->in_kernel = tls_kernel_has_keys(stream);
	if (stream->in_kernel)
		tls_kernel_watch_keys(stream);
	tls_queue_remove(stream);
	log_handshake(stream);
}

/* Sends the output of the handshake, including the alert of a failure. After the last step the host
 * flushes, together with its own first output. */
static spore_status step_and_flush(struct tls_stream *stream, uint32_t *want)
{
	spore_status status = step_handshake(stream), flushed;

	if (status == SPORE_OK) {
		become_open(stream);
		return SPORE_OK;
	}
	*want = stream->want;
	flushed = tls_bio_flush(stream, want);
	if (status == SPORE_EAGAIN && (flushed == SPORE_OK || flushed == SPORE_EAGAIN))
		return SPORE_EAGAIN;
	if (status == SPORE_EAGAIN)
		return tls_error_take(stream);
	/* The server may have rejected the session that was offered. */
	if (!stream->worker->tls->server)
		tls_session_forget(stream->worker->tls);
	return status;
}

static spore_status stream_handshake(spore_stream *base, uint32_t *want, spore_ticket ticket)
{
	struct tls_stream *stream = stream_of(base);
	spore_status status = SPORE_OK;

	(void)ticket;
	if (stream->evicted) {
		tls_error_set(stream, "too many TLS handshakes in progress (max_handshakes)");
		return break_stream(stream, SPORE_EBUSY);
	}
	tls_bio_enter(stream, TLS_RECORD);
	if (!stream->ssl)
		status = await_client(stream, want);
	if (status == SPORE_OK)
		status = step_and_flush(stream, want);
	if (!tls_bio_leave(stream))
		return out_of_memory(stream);
	return status == SPORE_OK || status == SPORE_EAGAIN ? status : break_stream(stream, status);
}

/* ---- reading ---- */

static void end_reading(struct tls_stream *stream)
{
	stream->ended = true;
	tls_bio_read_away(stream);
}

/* The peer may reject further output under the old keys. */
static spore_status refuse_key_update(struct tls_stream *stream)
{
	ERR_clear_error();
	tls_error_set(stream,
	              "%s demands a key update, which kernel TLS does not support (kernel_tls)",
	              tls_peer(stream->worker->tls));
	return SPORE_EUNSUPPORTED;
}

/* Notes why OpenSSL has returned no plaintext. */
static void note_read_stop(struct tls_stream *stream, int result)
{
	int error = SSL_get_error(stream->ssl, result);

	if (stream->wants_keys)
		stream->broken = refuse_key_update(stream);
	else if (error == SSL_ERROR_WANT_WRITE)
		stream->want = SPORE_WRITE;
	else if (error == SSL_ERROR_ZERO_RETURN)
		end_reading(stream);
	else if (error != SSL_ERROR_WANT_READ)
		stream->broken = tls_error_take(stream);
}

/* Decrypts the available input. Returns the number of bytes, 0 at the end, or a SPORE_E*. */
static int64_t decrypt(struct tls_stream *stream, uint8_t *to, size_t len)
{
	size_t got = 0;

	while (got < len) {
		size_t n = 0;
		int result;

		ERR_clear_error();
		result = SSL_read_ex(stream->ssl, to + got, len - got, &n);
		if (result != 1) {
			note_read_stop(stream, result);
			break;
		}
		got += n;
		stream->has_plaintext = true;
	}
	if (got > 0)
		return (int64_t)got;
	if (stream->broken != SPORE_OK)
		return stream->broken;
	return stream->ended ? 0 : SPORE_EAGAIN;
}

static int64_t stream_readv(spore_stream *base, const spore_iov *iov, uint32_t n_iov,
                            uint32_t *want)
{
	struct tls_stream *stream = stream_of(base);
	uint32_t flush_wants;
	int64_t got;

	(void)n_iov; /* the first one is enough */
	if (stream->broken != SPORE_OK || stream->ended) {
		stream->end_told = true;
		return stream->broken;
	}
	tls_bio_enter(stream, iov->len);
	got = decrypt(stream, iov->base, iov->len);
	*want = stream->want;
	if (!tls_bio_leave(stream))
		return out_of_memory(stream);
	/* Sends an alert or the answer to a key update. */
	if (stream->worker->out_owner == stream)
		tls_bio_flush(stream, &flush_wants);
	stream->end_told = got <= 0;
	return got;
}

/* Counts bytes of the lower stream, too: they may contain no plaintext, but reading consumes them.
 * After an end or a failure that the reader does not know yet, returns 1. */
static size_t stream_pending(spore_stream *base)
{
	struct tls_stream *stream = stream_of(base);
	const spore_stream_ops *below = stream->lower->ops;
	bool over = stream->broken != SPORE_OK || stream->ended;
	size_t n = 0;

	if (over)
		return stream->end_told ? 0 : 1;
	if (stream->ssl)
		n += (size_t)SSL_pending(stream->ssl);
	n += stream->in.len - stream->in.at;
	n += stream->cut_short; /* one more, so that the host calls again at once */
	return n + (SPORE_CAN(below, pending) ? below->pending(stream->lower) : 0);
}

/* ---- writing ---- */

static spore_status stream_flush(spore_stream *base, uint32_t *want)
{
	return tls_bio_flush(stream_of(base), want);
}

static spore_status write_failed(struct tls_stream *stream, uint32_t *want)
{
	int error = SSL_get_error(stream->ssl, 0);

	if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
		return tls_error_take(stream);
	*want = error == SSL_ERROR_WANT_READ ? SPORE_READ : SPORE_WRITE;
	return SPORE_EAGAIN;
}

/* Encrypts record by record while there is room. */
static int64_t encrypt(struct tls_stream *stream, const uint8_t *from, size_t len, uint32_t *want)
{
	size_t put = 0;

	while (put < len) {
		size_t n = 0;
		spore_status status = SPORE_OK;

		if (stream->out.bytes || !tls_bio_has_room(stream))
			status = tls_bio_flush(stream, want);
		ERR_clear_error();
		if (status == SPORE_OK && SSL_write_ex(stream->ssl, from + put, len - put, &n) != 1)
			status = write_failed(stream, want);
		if (status != SPORE_OK)
			return put > 0 ? (int64_t)put : status;
		put += n;
	}
	return (int64_t)put;
}

static int64_t stream_writev(spore_stream *base, const spore_iov *iov, uint32_t n_iov,
                             uint32_t *want)
{
	struct tls_stream *stream = stream_of(base);

	if (stream->broken != SPORE_OK)
		return stream->broken;
	if (stream->in_kernel)
		return stream->lower->ops->writev(stream->lower, iov, n_iov, want);
	if (stream->out_below != SPORE_OK)
		return stream->out_below;
	return encrypt(stream, iov->base, iov->len, want);
}

/* ---- shutdown and close ---- */

/* Sends the close alert. Only with kernel TLS it may have to wait for room. */
static spore_status send_close_alert(struct tls_stream *stream, uint32_t *want)
{
	int result;

	ERR_clear_error();
	result = SSL_shutdown(stream->ssl);
	if (result < 0 && SSL_get_error(stream->ssl, result) == SSL_ERROR_WANT_WRITE) {
		*want = SPORE_WRITE;
		return SPORE_EAGAIN;
	}
	ERR_clear_error(); /* a failed connection needs no close alert */
	stream->shut = true;
	return SPORE_OK;
}

/* Writes all output and then the close alert to the lower stream. Does not flush the lower stream,
 * so that the close alerts of all layers leave in one write. The peer may close its socket as soon
 * as it has read the alert of the uppermost layer. Alerts that arrive later would be unread data,
 * and the peer's system would reset the connection. */
static spore_status send_end(struct tls_stream *stream, uint32_t *want)
{
	spore_status status = SPORE_OK;

	if (stream->out.bytes || !tls_bio_has_room(stream))
		status = tls_bio_hand_down(stream, want);
	if (status == SPORE_OK && !stream->shut)
		status = send_close_alert(stream, want);
	return status == SPORE_OK ? tls_bio_hand_down(stream, want) : status;
}

static spore_status stream_shutdown(spore_stream *base, uint32_t *want)
{
	struct tls_stream *stream = stream_of(base);
	spore_status status = send_end(stream, want);

	return status == SPORE_OK ? stream->lower->ops->shutdown(stream->lower, want) : status;
}

/* Removes what the worker still holds of the stream, and the stream's pointer to the worker. */
static void forget_worker(struct tls_stream *stream)
{
	if (stream->worker && stream->worker->names_of == stream)
		tls_attr_forget(stream->worker);
	stream->worker = NULL;
}

static void stream_close(spore_stream *base, uint32_t how)
{
	struct tls_stream *stream = stream_of(base);
	uint32_t want;

	if (how == SPORE_CLOSE_FIN && stream->worker && stream->open && stream->broken == SPORE_OK)
		send_end(stream, &want); /* what the lower stream does not take is dropped */
	tls_queue_remove(stream);
	tls_bio_drop(stream);
	forget_worker(stream);
	SSL_free(stream->ssl);
	BIO_free(stream->socket);
	stream->lower->ops->close(stream->lower, how);
	free(stream->why);
	free(stream->fact);
	free(stream);
}

/* ---- moving to another worker ---- */

/* All state of the session belongs to the stream. Only output may wait in the worker's buffer. */
static spore_status stream_detach(spore_stream *base)
{
	struct tls_stream *stream = stream_of(base);

	if (stream->shaking)
		return SPORE_EBUSY;
	if (!tls_bio_take_along(stream))
		return SPORE_ENOMEM;
	forget_worker(stream);
	return SPORE_OK;
}

static spore_status stream_attach(spore_stream *base, const spore_attach_args *args)
{
	stream_of(base)->worker = args->state;
	return SPORE_OK;
}

/* ---- the stream ---- */

static uint32_t stream_raw(spore_stream *base)
{
	return stream_of(base)->in_kernel ? SPORE_WRITE : 0;
}

static uint32_t stream_attr(spore_stream *base, const char *key, size_t index, spore_str *out)
{
	return tls_attr(stream_of(base), key, index, out);
}

static const char *stream_error(spore_stream *base)
{
	return stream_of(base)->why;
}

const spore_stream_ops tls_stream_ops = {
	.struct_size = sizeof tls_stream_ops,
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

spore_status tls_stream_wrap(struct tls_worker *worker, const spore_wrap_args *args,
                             spore_stream **upper_out)
{
	struct tls_stream *stream = calloc(1, sizeof *stream);
	const struct tls_conf *conf = worker->tls->conf;

	if (!stream)
		return SPORE_ENOMEM;
	stream->base.ops = &tls_stream_ops;
	stream->lower = args->lower;
	stream->conn = args->conn;
	stream->fd = SPORE_HAS(args, fd) ? args->fd : -1;
	stream->worker = worker;
	if (!worker->tls->server &&
	    !make_ssl(stream, conf->server_name ? conf->server_name : args->server_name)) {
		free(stream);
		return SPORE_ENOMEM;
	}
	*upper_out = &stream->base;
	return SPORE_OK;
}
