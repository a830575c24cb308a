#include "tls_bio.h"

#include <openssl/bio.h>
#include <stdlib.h>

#include "tls_kernel.h"

/* The most output of a stream that may wait for the lower stream: that of one writev(), and the
 * little that reading may add. */
enum { SPILL_MAX = 2 * TLS_OUT_SIZE };

/* OpenSSL reads until it has bytes for the reader or the lower stream has none. A peer that sends
 * only key updates would keep it busy forever. A record takes two reads, and a handshake flight has
 * few records. */
enum { MAX_READS = 32 };

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* ---- spills ---- */

static void spill_clear(struct tls_spill *spill)
{
	free(spill->bytes);
	*spill = (struct tls_spill){ 0 };
}

static bool spill_append(struct tls_spill *spill, const uint8_t *bytes, size_t len)
{
	size_t kept = spill->len - spill->at;
	uint8_t *all = malloc(kept + len);

	if (!all)
		return false;
	if (kept)
		memcpy(all, spill->bytes + spill->at, kept);
	memcpy(all + kept, bytes, len);
	free(spill->bytes);
	*spill = (struct tls_spill){ all, 0, kept + len };
	return true;
}

static void spill_consume(struct tls_spill *spill, size_t n)
{
	spill->at += n;
	if (spill->at == spill->len)
		spill_clear(spill);
}

/* ---- input ---- */

static int64_t read_below(struct tls_stream *stream, void *to, size_t len)
{
	spore_iov iov = { to, len };
	int64_t n = stream->lower->ops->readv(stream->lower, &iov, 1, &stream->want);

	if (n > 0 && !stream->has_first) {
		stream->first = *(const uint8_t *)to;
		stream->has_first = true;
	}
	if (n == 0)
		stream->below_ended = true;
	else if (n < 0 && n != SPORE_EAGAIN)
		stream->in_below = (spore_status)n;
	return n;
}

int64_t tls_bio_fill(struct tls_stream *stream)
{
	struct tls_worker *worker = stream->worker;
	int64_t n = read_below(stream, worker->in, min_size(stream->room, sizeof worker->in));

	worker->in_at = 0;
	worker->in_len = n > 0 ? (size_t)n : 0;
	return n;
}

void tls_bio_read_away(struct tls_stream *stream)
{
	const spore_stream_ops *below = stream->lower->ops;

	if (SPORE_CAN(below, raw) && below->raw(stream->lower) & SPORE_READ)
		return;
	tls_bio_fill(stream);
	stream->worker->in_len = 0;
}

/* Takes bytes that were read ahead: first those of the stream, then those of the worker. */
static size_t take_input(struct tls_stream *stream, void *to, size_t len)
{
	struct tls_worker *worker = stream->worker;
	size_t n;

	if (stream->in.bytes) {
		n = min_size(len, stream->in.len - stream->in.at);
		memcpy(to, stream->in.bytes + stream->in.at, n);
		spill_consume(&stream->in, n);
		return n;
	}
	n = min_size(len, worker->in_len - worker->in_at);
	memcpy(to, worker->in + worker->in_at, n);
	worker->in_at += n;
	return n;
}

/* Gives OpenSSL bytes that were read ahead, or else bytes of the lower stream. Once the reader has
 * plaintext, the lower stream is not read any more in this call. */
static int64_t read_or_wait(struct tls_stream *stream, void *to, size_t len)
{
	size_t n;
	int64_t got;

	if (!stream->has_plaintext && ++stream->reads > MAX_READS) {
		stream->cut_short = true;
		return SPORE_EAGAIN;
	}
	n = take_input(stream, to, len);
	if (n > 0)
		return (int64_t)n;
	if (stream->has_plaintext) {
		stream->want = SPORE_READ; /* the reader gets what it has so far */
		return SPORE_EAGAIN;
	}
	if (len >= stream->room)
		return read_below(stream, to, len);
	got = tls_bio_fill(stream);
	return got > 0 ? (int64_t)take_input(stream, to, len) : got;
}

static int bio_read(BIO *bio, char *to, int size)
{
	int64_t got = read_or_wait(BIO_get_data(bio), to, (size_t)size);

	BIO_clear_retry_flags(bio);
	if (got == SPORE_EAGAIN)
		BIO_set_retry_read(bio);
	return got >= 0 ? (int)got : -1;
}

void tls_bio_enter(struct tls_stream *stream, size_t room)
{
	stream->room = room;
	stream->has_plaintext = stream->cut_short = false;
	stream->reads = 0;
	stream->want = SPORE_READ;
}

bool tls_bio_leave(struct tls_stream *stream)
{
	struct tls_worker *worker = stream->worker;
	size_t left = worker->in_len - worker->in_at;
	bool kept = !left || spill_append(&stream->in, worker->in + worker->in_at, left);

	worker->in_at = worker->in_len = 0;
	return kept;
}

/* ---- output ---- */

static size_t spilled(const struct tls_stream *stream)
{
	return stream->out.len - stream->out.at;
}

/* Moves the worker's output, without the first `gone` bytes, to the end of its stream's own buffer.
 */
static bool spill_out(struct tls_worker *worker, size_t gone)
{
	struct tls_stream *owner = worker->out_owner;
	size_t left = worker->out_len - gone;
	bool kept = !left || spill_append(&owner->out, worker->out + gone, left);

	if (!kept)
		owner->out_below = SPORE_ENOMEM;
	worker->out_len = 0;
	worker->out_owner = NULL;
	return kept;
}

/* If streams are stacked, the host may use another one before the first is flushed. */
static void own_output(struct tls_stream *stream)
{
	struct tls_worker *worker = stream->worker;

	if (worker->out_owner && worker->out_owner != stream)
		spill_out(worker, 0);
	worker->out_owner = stream;
}

/* Writes alerts and tickets; the host writes application data itself. */
static int write_to_kernel(BIO *bio, BIO *socket, const char *bytes, int size)
{
	int n = BIO_write(socket, bytes, size);

	if (n <= 0 && BIO_should_retry(socket))
		BIO_set_retry_write(bio);
	return n;
}

static int bio_write(BIO *bio, const char *bytes, int size)
{
	struct tls_stream *stream = BIO_get_data(bio);
	struct tls_worker *worker = stream->worker;
	size_t len = (size_t)size;
	bool fits;

	BIO_clear_retry_flags(bio);
	if (tls_kernel_has_keys(stream))
		return write_to_kernel(bio, stream->socket, bytes, size);
	if (stream->out_below != SPORE_OK)
		return size; /* discarded, so that the peer's earlier data can still be read */
	own_output(stream);
	fits = len <= sizeof worker->out - worker->out_len && spilled(stream) + len <= SPILL_MAX;
	if (!fits) {
		BIO_set_retry_write(bio);
		return -1;
	}
	memcpy(worker->out + worker->out_len, bytes, len);
	worker->out_len += len;
	return size;
}

bool tls_bio_has_room(const struct tls_stream *stream)
{
	const struct tls_worker *worker = stream->worker;
	size_t used = worker->out_owner == stream ? worker->out_len : 0;

	return used + TLS_RECORD + TLS_OVERHEAD <= sizeof worker->out;
}

static spore_status flush_below(const struct tls_stream *stream, uint32_t *want)
{
	const spore_stream_ops *ops = stream->lower->ops;

	return SPORE_CAN(ops, flush) ? ops->flush(stream->lower, want) : SPORE_OK;
}

/* Writes everything: SPORE_OK, or why it stopped. */
static spore_status write_below(struct tls_stream *stream, const uint8_t *bytes, size_t len,
                                size_t *n_out, uint32_t *want)
{
	for (*n_out = 0; *n_out < len;) {
		spore_iov iov = { (void *)(uintptr_t)(bytes + *n_out), len - *n_out };
		int64_t n = stream->lower->ops->writev(stream->lower, &iov, 1, want);

		if (n <= 0)
			return n ? (spore_status)n : SPORE_EAGAIN;
		*n_out += (size_t)n;
	}
	return SPORE_OK;
}

/* Writes the worker's buffer. The stream keeps what the lower stream does not accept. */
static spore_status flush_buffer(struct tls_stream *stream, uint32_t *want)
{
	struct tls_worker *worker = stream->worker;
	spore_status status;
	size_t n;

	if (worker->out_owner != stream)
		return SPORE_OK;
	status = write_below(stream, worker->out, worker->out_len, &n, want);
	return spill_out(worker, n) ? status : SPORE_ENOMEM;
}

/* Writes the stream's own buffer, whose bytes are older than those of the worker's. */
static spore_status flush_spill(struct tls_stream *stream, uint32_t *want)
{
	struct tls_spill *spill = &stream->out;
	spore_status status;
	size_t n;

	if (spilled(stream) == 0)
		return SPORE_OK;
	status = write_below(stream, spill->bytes + spill->at, spilled(stream), &n, want);
	spill_consume(spill, n);
	return status;
}

static spore_status write_all(struct tls_stream *stream, uint32_t *want)
{
	spore_status status = flush_spill(stream, want);

	if (status == SPORE_OK)
		return flush_buffer(stream, want);
	return tls_bio_take_along(stream) ? status : SPORE_ENOMEM;
}

static void drop_output(struct tls_stream *stream)
{
	struct tls_worker *worker = stream->worker;

	if (worker && worker->out_owner == stream) {
		worker->out_owner = NULL;
		worker->out_len = 0;
	}
	spill_clear(&stream->out);
}

/* Remembers a failure for later calls. */
static spore_status end_output(struct tls_stream *stream, spore_status status)
{
	if (status == SPORE_OK || status == SPORE_EAGAIN)
		return status;
	stream->out_below = status;
	drop_output(stream);
	return status;
}

spore_status tls_bio_hand_down(struct tls_stream *stream, uint32_t *want)
{
	return stream->out_below == SPORE_OK ? end_output(stream, write_all(stream, want))
	                                     : stream->out_below;
}

spore_status tls_bio_flush(struct tls_stream *stream, uint32_t *want)
{
	spore_status status = tls_bio_hand_down(stream, want);

	return status == SPORE_OK ? end_output(stream, flush_below(stream, want)) : status;
}

bool tls_bio_take_along(struct tls_stream *stream)
{
	return stream->worker->out_owner != stream || spill_out(stream->worker, 0);
}

void tls_bio_drop(struct tls_stream *stream)
{
	drop_output(stream);
	spill_clear(&stream->in);
}

/* ---- the method ---- */

/* The kernel must get the keys after all earlier output has been written. A failure shows in the
 * next read. */
static long flush_for_kernel(BIO *bio, struct tls_stream *stream)
{
	spore_status status = tls_bio_flush(stream, &stream->want);

	BIO_clear_retry_flags(bio);
	if (status == SPORE_EAGAIN)
		BIO_set_retry_write(bio);
	return status == SPORE_EAGAIN ? -1 : 1;
}

/* BIO_CTRL_FLUSH does nothing, because the host asks for flushing, except when the kernel takes
 * over encryption. OpenSSL's commands for kernel TLS go to the socket BIO. Only the writer has one,
 * because this plugin decrypts input itself. */
static long bio_ctrl(BIO *bio, int command, long number, void *arg)
{
	struct tls_stream *stream = BIO_get_data(bio);
	bool has_socket = stream && stream->socket && bio == stream->writer;

	if (command == BIO_CTRL_EOF)
		return stream && stream->below_ended;
	if (command == BIO_CTRL_FLUSH)
		return has_socket ? flush_for_kernel(bio, stream) : 1;
	return has_socket ? BIO_ctrl(stream->socket, command, number, arg) : 0;
}

BIO_METHOD *tls_bio_method(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "spore stream");

	if (method && BIO_meth_set_read(method, bio_read) &&
	    BIO_meth_set_write(method, bio_write) && BIO_meth_set_ctrl(method, bio_ctrl))
		return method;
	BIO_meth_free(method);
	return NULL;
}

BIO *tls_bio_new(struct tls_stream *stream)
{
	BIO *bio = BIO_new(stream->worker->tls->bio);

	if (bio) {
		BIO_set_data(bio, stream);
		BIO_set_init(bio, 1);
	}
	return bio;
}
