/* fuzz_lane_pair - both sides of a lane. The input says who writes, reads or ends next, how much,
 * and how much the connection between them takes. Each side reads what the other one wrote, and
 * then its end. Both agree whether another user may follow.
 */
#include "base/container.h"
#include "fuzz.h"
#include "lane/lane.h"

enum { MOST = 1024, MOST_BYTES = 40000, STEPS_TO_THE_END = 1 << 14 };

/* One direction of the connection: what is in it, and what it takes before it would block. */
struct pipe {
	struct buf bytes;
	size_t room;
	size_t unframed; /* of the first bytes: the reader's owner takes them */
	struct buf refused;
	bool shut;
};

struct side {
	spore_stream base; /* the lower stream */
	struct lane lane;
	struct pipe *in, *out;
	size_t wanted, written; /* bytes of the user */
	size_t heard;
	bool ends, ended; /* the user has no more bytes; lane_end is done */
	bool heard_end;
	uint8_t first; /* of the user's bytes, each of which is one more than the last */
};

static struct side *side_of(spore_stream *base)
{
	return CONTAINER_OF(base, struct side, base);
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* ---- the lower stream ---- */

static int64_t side_readv(spore_stream *base, const spore_iov *iov, uint32_t n, uint32_t *want)
{
	struct pipe *in = side_of(base)->in;
	size_t skipped = smaller(in->unframed, in->bytes.len);
	int64_t all = 0;

	if (skipped)
		buf_consume(&in->bytes, skipped);
	in->unframed -= skipped;
	if (in->bytes.len == 0 && in->shut)
		return 0;
	for (uint32_t i = 0; i < n && in->bytes.len > 0; i++) {
		size_t part = smaller(iov[i].len, in->bytes.len);

		memcpy(iov[i].base, buf_bytes(&in->bytes), part);
		buf_consume(&in->bytes, part);
		all += (int64_t)part;
	}
	*want = SPORE_READ;
	return all > 0 ? all : SPORE_EAGAIN;
}

static void join(const spore_iov *iov, uint32_t n, struct buf *all_out)
{
	for (uint32_t i = 0; i < n; i++)
		FUZZ_CHECK(buf_append(all_out, iov[i].base, iov[i].len, SIZE_MAX));
}

/* A refused write is repeated, as TLS insists. */
static void check_repeated(struct pipe *out, const struct buf *all)
{
	FUZZ_CHECK(all->len >= out->refused.len);
	FUZZ_CHECK(out->refused.len == 0 ||
	           memcmp(buf_bytes(all), buf_bytes(&out->refused), out->refused.len) == 0);
	buf_fini(&out->refused);
	out->refused = (struct buf){ 0 };
}

static int64_t side_writev(spore_stream *base, const spore_iov *iov, uint32_t n, uint32_t *want)
{
	struct pipe *out = side_of(base)->out;
	struct buf all = { 0 };
	size_t taken;

	join(iov, n, &all);
	FUZZ_CHECK(all.len > 0 && !out->shut);
	check_repeated(out, &all);
	taken = smaller(all.len, out->room);
	if (taken == 0) {
		out->refused = all;
		*want = SPORE_WRITE;
		return SPORE_EAGAIN;
	}
	FUZZ_CHECK(buf_append(&out->bytes, buf_bytes(&all), taken, SIZE_MAX));
	out->room -= taken;
	buf_fini(&all);
	return (int64_t)taken;
}

static spore_status side_shutdown(spore_stream *base, uint32_t *want)
{
	struct pipe *out = side_of(base)->out;

	FUZZ_CHECK(!out->shut && out->refused.len == 0);
	*want = SPORE_WRITE;
	if (out->room == 0)
		return SPORE_EAGAIN;
	out->shut = true;
	return SPORE_OK;
}

static const spore_stream_ops ops = {
	.struct_size = sizeof ops,
	.readv = side_readv,
	.writev = side_writev,
	.shutdown = side_shutdown,
};

/* ---- the owner ---- */

static void flush(struct side *side)
{
	uint32_t want;
	spore_status status = lane_has_output(&side->lane) ? lane_flush(&side->lane, &want)
	                                                   : SPORE_OK;

	FUZZ_CHECK(status == SPORE_OK || status == SPORE_EAGAIN);
}

/* Writes what the user has. */
static void write_on(struct side *side)
{
	size_t len = side->wanted - side->written;
	uint8_t *bytes = malloc(len);
	uint32_t want;
	int64_t n;

	if (len == 0) {
		free(bytes);
		flush(side);
		return;
	}
	FUZZ_CHECK(bytes);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(side->first + side->written + i);
	n = side->ends ? lane_write_last(&side->lane, bytes, len, &want)
	               : lane_write(&side->lane, bytes, len, &want);
	free(bytes);
	FUZZ_CHECK(n == SPORE_EAGAIN || (n >= 0 && n <= (int64_t)len));
	side->written += n > 0 ? (size_t)n : 0;
	flush(side);
}

static void end_if_due(struct side *side)
{
	uint32_t want;

	if (side->ends && !side->ended && side->written == side->wanted)
		side->ended = lane_end(&side->lane, &want) == SPORE_OK;
}

static void read_on(struct side *side, const struct side *peer, size_t len)
{
	uint8_t *bytes = malloc(len);
	uint32_t want;
	int64_t n;

	FUZZ_CHECK(bytes);
	n = lane_read(&side->lane, bytes, len, &want);
	FUZZ_CHECK(n <= (int64_t)len && (n >= 0 || n == SPORE_EAGAIN));
	for (int64_t i = 0; i < n; i++)
		FUZZ_CHECK(bytes[i] == (uint8_t)(peer->first + side->heard + (size_t)i));
	free(bytes);
	side->heard += n > 0 ? (size_t)n : 0;
	if (n == 0) {
		FUZZ_CHECK(peer->ends && side->heard == peer->wanted);
		side->heard_end = true;
	}
	flush(side);
}

static void want_more(struct side *side, size_t n)
{
	if (!side->ends && side->wanted + n <= MOST_BYTES)
		side->wanted += n;
}

/* Each act is two bytes: what is done by whom, and how much of it. */
static void act(struct side *side, const struct side *peer, unsigned what, size_t much)
{
	bool may_go_raw = side->lane.out.raw || !side->lane.in.ended;

	switch (what) {
	case 0:
		want_more(side, much);
		break;
	case 1:
		want_more(side, much << 7);
		break;
	case 2:
		side->out->room += much;
		break;
	case 3:
		side->out->room += much << 7;
		break;
	case 4:
		read_on(side, peer, 1 + much);
		break;
	case 5:
		read_on(side, peer, 1 + (much << 7));
		break;
	case 6:
		lane_go_raw(&side->lane);
		break;
	default:
		side->ends = true;
	}
	write_on(side);
	end_if_due(side);
	FUZZ_CHECK(may_go_raw || !side->lane.out.raw);
}

static bool is_over(const struct side *side)
{
	return side->ended && side->heard_end && !lane_has_output(&side->lane);
}

static void run_to_the_end(struct side sides[2])
{
	for (unsigned step = 0; !is_over(&sides[0]) || !is_over(&sides[1]); step++) {
		FUZZ_CHECK(step < STEPS_TO_THE_END);
		for (unsigned i = 0; i < 2; i++) {
			sides[i].ends = true;
			act(&sides[i], &sides[!i], 3, 255);
			act(&sides[i], &sides[!i], 5, 255);
		}
	}
}

/* Another user follows at both sides, or at none. Then the connection ends in both directions. */
static void check_end(const struct side sides[2])
{
	bool is_free = lane_is_free(&sides[0].lane);

	FUZZ_CHECK(is_free == lane_is_free(&sides[1].lane));
	FUZZ_CHECK(is_free == !(sides[0].lane.out.raw || sides[1].lane.out.raw));
	for (unsigned i = 0; i < 2; i++) {
		FUZZ_CHECK(sides[i].out->shut == !is_free);
		FUZZ_CHECK(sides[i].out->bytes.len == 0);
		FUZZ_CHECK(sides[i].lane.in.early.len == 0);
	}
}

static void begin(struct side *side, uint8_t setting)
{
	struct buf none = { 0 }, unsent = { 0 };

	side->base.ops = &ops;
	side->first = setting;
	FUZZ_CHECK(buf_append(&unsent, "Opened", setting % 7, SIZE_MAX));
	side->out->unframed = unsent.len;
	lane_begin(&side->lane, &side->base, setting & 8, &none, &unsent);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pipe pipes[2] = { 0 };
	struct side sides[2] = { { .in = &pipes[1], .out = &pipes[0] },
		                 { .in = &pipes[0], .out = &pipes[1] } };

	if (size < 2 || size > MOST)
		return 0;
	begin(&sides[0], data[0]);
	begin(&sides[1], data[1]);
	for (size_t i = 2; i + 1 < size; i += 2) {
		unsigned who = data[i] >> 3 & 1;

		act(&sides[who], &sides[!who], data[i] & 7, data[i + 1]);
	}
	run_to_the_end(sides);
	check_end(sides);
	for (unsigned i = 0; i < 2; i++) {
		lane_fini(&sides[i].lane);
		buf_fini(&pipes[i].bytes);
		buf_fini(&pipes[i].refused);
	}
	return 0;
}
