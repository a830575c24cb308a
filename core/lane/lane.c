#include "lane/lane.h"

#include <string.h>

enum kind { KIND_DATA = 1, KIND_END, KIND_RAW };

/* What one merged write holds at most: a TLS record with its header. */
enum { MERGED_MAX = 16384 };

void lane_begin(struct lane *lane, spore_stream *lower, bool merges, struct buf *received,
                struct buf *unsent)
{
	*lane = (struct lane){ .lower = lower, .merges = merges };
	lane->in.early = *received;
	lane->out.early = *unsent;
	*received = *unsent = (struct buf){ 0 };
}

void lane_hold(struct lane *lane)
{
	lane->out.holds = true;
}

bool lane_release(struct lane *lane)
{
	bool held = lane->out.holds && lane->out.early.len > 0;

	lane->out.holds = false;
	return held;
}

void lane_fini(struct lane *lane)
{
	buf_fini(&lane->in.early);
	buf_fini(&lane->out.early);
}

struct buf lane_take_rest(struct lane *lane)
{
	struct buf rest = lane->in.early;

	lane->in.early = (struct buf){ 0 };
	return rest;
}

/* ---- reading ---- */

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Reads the bytes that came early. When there are none left, reads from the lower stream. */
static int64_t fetch(struct lane *lane, const spore_iov *iov, uint32_t n, uint32_t *want)
{
	struct buf *early = &lane->in.early;
	int64_t got = 0;

	if (early->len == 0)
		return lane->lower->ops->readv(lane->lower, iov, n, want);
	for (uint32_t i = 0; i < n && early->len > 0; i++) {
		size_t part = smaller(iov[i].len, early->len);

		memcpy(iov[i].base, buf_bytes(early), part);
		buf_consume(early, part);
		got += (int64_t)part;
	}
	return got;
}

/* Keeps the bytes after END for the owner of the connection. */
static bool put_back(struct lane *lane, const uint8_t *bytes, size_t len)
{
	struct buf all = { 0 }, *early = &lane->in.early;

	if (len == 0)
		return true;
	if (!buf_append(&all, bytes, len, SIZE_MAX) ||
	    !buf_append(&all, buf_bytes(early), early->len, SIZE_MAX)) {
		buf_fini(&all);
		return false;
	}
	buf_fini(early);
	*early = all;
	return true;
}

static size_t header_length(const uint8_t header[LANE_HEADER])
{
	return (size_t)header[1] << 16 | (size_t)header[2] << 8 | header[3];
}

/* Takes a header that is complete. */
static spore_status take_header(struct lane_in *in)
{
	size_t length = header_length(in->header);
	uint8_t kind = in->header[0];
	bool is_data = kind == KIND_DATA;

	if (kind < KIND_DATA || kind > KIND_RAW || is_data != (length > 0))
		return SPORE_EPROTO;
	in->n_header = 0;
	in->left = length;
	in->ended = kind == KIND_END;
	in->raw = kind == KIND_RAW;
	return SPORE_OK;
}

/* Takes the bytes that the next header still lacks, and returns their number. */
static size_t collect_header(struct lane_in *in, const uint8_t *bytes, size_t len)
{
	size_t part = smaller(LANE_HEADER - in->n_header, len);

	memcpy(in->header + in->n_header, bytes, part);
	in->n_header += (unsigned)part;
	return part;
}

/* Takes a complete header and the bytes that came after it. Moves the user's bytes to the front and
 * returns their number. */
static int64_t unpack(struct lane *lane, uint8_t *bytes, size_t len)
{
	struct lane_in *in = &lane->in;
	size_t at = 0, kept = 0, part;

	while (in->n_header == LANE_HEADER) {
		if (take_header(in) != SPORE_OK)
			return SPORE_EPROTO;
		if (in->left >= LANE_FIRST_MOST)
			lane_release(lane);
		if (in->ended)
			return put_back(lane, bytes + at, len - at) ? (int64_t)kept : SPORE_ENOMEM;
		part = in->raw ? len - at : smaller(in->left, len - at);
		memmove(bytes + kept, bytes + at, part);
		kept += part;
		at += part;
		in->left -= in->raw ? 0 : part;
		if (!in->raw && in->left == 0)
			at += collect_header(in, bytes + at, len - at);
	}
	return (int64_t)kept;
}

/* Between two frames: reads the rest of a header and the bytes after it in one call. */
static int64_t read_header(struct lane *lane, uint8_t *bytes, size_t len, uint32_t *want)
{
	struct lane_in *in = &lane->in;
	spore_iov iov[2] = { { in->header + in->n_header, LANE_HEADER - in->n_header },
		             { bytes, len } };
	int64_t n = fetch(lane, iov, 2, want);
	size_t part;

	if (n == 0 && in->n_header == 0)
		in->ended = in->closed = true;
	if (n <= 0)
		return n == 0 && !in->ended ? SPORE_ECLOSED : n;
	part = smaller(iov[0].len, (size_t)n);
	in->n_header += (unsigned)part;
	return unpack(lane, bytes, (size_t)n - part);
}

/* True if no other user follows, so that the connection ends with this one. */
static bool is_last(const struct lane *lane)
{
	return lane->in.raw || lane->in.closed || lane->out.raw;
}

/* If no other user follows, the peer ends the connection after END. This end must be read, because
 * unread bytes would turn the close into a reset. */
static int64_t read_end(struct lane *lane, const spore_iov *piece, uint32_t *want)
{
	struct lane_in *in = &lane->in;

	if (!in->end_told && !in->closed && is_last(lane)) {
		int64_t n = fetch(lane, piece, 1, want);

		if (n != 0)
			return n > 0 ? SPORE_EPROTO : n;
		in->closed = true;
	}
	in->end_told = true;
	return 0;
}

int64_t lane_read(struct lane *lane, void *bytes, size_t len, uint32_t *want)
{
	struct lane_in *in = &lane->in;
	spore_iov piece = { bytes, len };
	int64_t n = 0;

	while (!in->ended && !in->raw && in->left == 0 && n == 0)
		n = read_header(lane, bytes, len, want);
	if (n != 0)
		return n;
	if (in->ended)
		return read_end(lane, &piece, want);
	if (in->raw)
		return fetch(lane, &piece, 1, want);
	piece.len = smaller(len, in->left);
	n = fetch(lane, &piece, 1, want);
	if (n > 0)
		in->left -= (size_t)n;
	return n == 0 ? SPORE_ECLOSED : n;
}

/* ---- writing ---- */

static void write_header(uint8_t header[LANE_HEADER], enum kind kind, size_t length)
{
	header[0] = (uint8_t)kind;
	header[1] = (uint8_t)(length >> 16);
	header[2] = (uint8_t)(length >> 8);
	header[3] = (uint8_t)length;
}

void lane_put_data_header(uint8_t header[LANE_HEADER], size_t length)
{
	write_header(header, KIND_DATA, length);
}

static void put_header(struct lane_out *out, enum kind kind, size_t length)
{
	write_header(out->header, kind, length);
	out->header_left = LANE_HEADER;
	out->left = length;
}

/* Collects the pieces of one write: the bytes that the lane holds, then `len` bytes of the user.
 * Returns the number of pieces. */
static uint32_t gather(struct lane_out *out, const void *bytes, size_t len, spore_iov iov[3])
{
	uint32_t n = 0;

	if (out->early.len > 0)
		iov[n++] = (spore_iov){ (void *)(uintptr_t)buf_bytes(&out->early), out->early.len };
	if (out->header_left > 0)
		iov[n++] = (spore_iov){ out->header + LANE_HEADER - out->header_left,
			                out->header_left };
	if (len > 0)
		iov[n++] = (spore_iov){ (void *)(uintptr_t)bytes, len };
	return n;
}

static int64_t write_merged(spore_stream *lower, const spore_iov *iov, uint32_t n, uint32_t *want)
{
	uint8_t merged[MERGED_MAX];
	spore_iov piece = { merged, 0 };

	for (uint32_t i = 0; i < n && piece.len < sizeof merged; i++) {
		size_t part = smaller(iov[i].len, sizeof merged - piece.len);

		memcpy(merged + piece.len, iov[i].base, part);
		piece.len += part;
	}
	return lower->ops->writev(lower, &piece, 1, want);
}

static int64_t write_pieces(const struct lane *lane, const spore_iov *iov, uint32_t n,
                            uint32_t *want)
{
	if (lane->merges && n > 1)
		return write_merged(lane->lower, iov, n, want);
	return lane->lower->ops->writev(lane->lower, iov, n, want);
}

/* Accounts for n written bytes. Returns how many of them belong to the user. */
static size_t account(struct lane_out *out, size_t n)
{
	size_t early = smaller(n, out->early.len);
	size_t header = smaller(n - early, out->header_left);

	if (early > 0)
		buf_consume(&out->early, early);
	out->header_left -= (unsigned)header;
	return n - early - header;
}

void lane_go_raw(struct lane *lane)
{
	struct lane_out *out = &lane->out;

	if (out->raw || out->ended || lane->in.ended || out->left > 0 || out->header_left > 0)
		return;
	put_header(out, KIND_RAW, 0);
	out->raw = true;
}

/* Begins a frame, or goes on with one. Returns how many of the bytes it takes. */
static size_t open_frame(struct lane *lane, size_t len)
{
	struct lane_out *out = &lane->out;

	if (out->left == 0 && out->frames == LANE_FRAMES)
		lane_go_raw(lane);
	if (!out->raw && out->left == 0) {
		put_header(out, KIND_DATA, smaller(len, LANE_FRAME_MAX));
		out->frames++;
	}
	return out->raw ? len : smaller(len, out->left);
}

/* Accounts for n written bytes, and returns how many of them belong to the user. */
static int64_t take_written(struct lane_out *out, size_t n)
{
	size_t taken = account(out, n);

	if (!out->raw)
		out->left -= taken;
	return (int64_t)taken;
}

/* END has left with the user's last bytes, perhaps without its own last ones. */
static void note_end(struct lane_out *out, size_t n)
{
	put_header(out, KIND_END, 0);
	out->header_left -= (unsigned)n;
	out->ended = true;
}

/* A transport may insist that a refused write is repeated as it was, so END is in it again. */
static int64_t write_frame(struct lane *lane, const void *bytes, size_t len, bool is_last,
                           uint32_t *want)
{
	struct lane_out *out = &lane->out;
	size_t most = open_frame(lane, len), others = out->early.len + out->header_left + most;
	bool ends = (is_last || out->owes_end) && !out->raw && out->left == len;
	uint8_t end[LANE_HEADER];
	spore_iov iov[4];
	uint32_t n_pieces = gather(out, bytes, most, iov);
	int64_t n;

	write_header(end, KIND_END, 0);
	if (ends)
		iov[n_pieces++] = (spore_iov){ end, sizeof end };
	n = write_pieces(lane, iov, n_pieces, want);
	out->owes = n == SPORE_EAGAIN;
	out->owes_end = out->owes && ends;
	if (n < 0 || (size_t)n <= others)
		return n < 0 ? n : take_written(out, (size_t)n);
	take_written(out, others);
	note_end(out, (size_t)n - others);
	return (int64_t)len;
}

int64_t lane_write(struct lane *lane, const void *bytes, size_t len, uint32_t *want)
{
	return write_frame(lane, bytes, len, false, want);
}

int64_t lane_write_last(struct lane *lane, const void *bytes, size_t len, uint32_t *want)
{
	return write_frame(lane, bytes, len, true, want);
}

static bool holds_output(const struct lane_out *out)
{
	return (out->early.len > 0 && !out->holds) || out->header_left > 0;
}

/* The user has ended, and no other follows. */
static bool must_shut(const struct lane *lane)
{
	return lane->out.ended && !lane->out.shut && is_last(lane);
}

spore_status lane_flush(struct lane *lane, uint32_t *want)
{
	struct lane_out *out = &lane->out;
	spore_iov iov[3];

	*want = 0;
	if (out->owes)
		return SPORE_EAGAIN;
	while (holds_output(out)) {
		int64_t n = write_pieces(lane, iov, gather(out, NULL, 0, iov), want);

		if (n < 0)
			return (spore_status)n;
		account(out, (size_t)n);
	}
	if (must_shut(lane)) {
		spore_status status = lane->lower->ops->shutdown(lane->lower, want);

		out->shut = status != SPORE_EAGAIN;
		return status;
	}
	return SPORE_OK;
}

spore_status lane_end(struct lane *lane, uint32_t *want)
{
	struct lane_out *out = &lane->out;

	if (!out->raw && !out->ended)
		put_header(out, KIND_END, 0);
	out->ended = true;
	return lane_flush(lane, want);
}

/* ---- the state ---- */

bool lane_has_input(const struct lane *lane)
{
	bool must_read_close = is_last(lane) && !lane->in.closed;

	if (lane->in.ended)
		return !lane->in.end_told && !must_read_close;
	return lane->in.early.len > 0; /* perhaps a part of a header only */
}

bool lane_has_output(const struct lane *lane)
{
	return holds_output(&lane->out) || must_shut(lane);
}

uint32_t lane_raw(const struct lane *lane)
{
	bool reads = lane->in.raw && lane->in.early.len == 0;
	bool writes = lane->out.raw && !holds_output(&lane->out) && !lane->out.owes;

	return (reads ? SPORE_READ : 0) | (writes ? SPORE_WRITE : 0);
}

bool lane_is_free(const struct lane *lane)
{
	return lane->in.end_told && lane->out.ended && !is_last(lane) && !holds_output(&lane->out);
}
