/* fuzz_lane - frames around the bytes of a user. The input is what a connection receives. However
 * it comes in pieces, and however it is read, the user's bytes, the end and the rest are the same.
 */
#include "base/container.h"
#include "fuzz.h"
#include "lane/lane.h"

enum { MOST = 4096 };

/* A connection that gives at most `step` bytes at a time, and then ends. */
struct line {
	spore_stream base;
	const uint8_t *bytes;
	size_t left, step;
};

static int64_t line_readv(spore_stream *base, const spore_iov *iov, uint32_t n, uint32_t *want)
{
	struct line *line = CONTAINER_OF(base, struct line, base);
	size_t may = line->step < line->left ? line->step : line->left;
	int64_t all = 0;

	(void)want;
	for (uint32_t i = 0; i < n; i++) {
		size_t part = iov[i].len < may ? iov[i].len : may;

		if (part)
			memcpy(iov[i].base, line->bytes, part);
		line->bytes += part;
		line->left -= part;
		may -= part;
		all += (int64_t)part;
	}
	return all;
}

static const spore_stream_ops ops = { .struct_size = sizeof ops, .readv = line_readv };

struct outcome {
	int64_t result; /* of the last read */
	size_t len;
	uint8_t bytes[MOST];
	bool closed;
	size_t rest; /* bytes behind the user's, taken or not */
};

static void receive(const uint8_t *data, size_t size, size_t early, size_t step, size_t piece,
                    struct outcome *out)
{
	struct line line = { .base.ops = &ops, data + early, size - early, step };
	struct buf received = { 0 }, none = { 0 }, rest;
	struct lane lane;
	uint32_t want;

	*out = (struct outcome){ 0 };
	FUZZ_CHECK(buf_append(&received, data, early, SIZE_MAX));
	lane_begin(&lane, &line.base, false, &received, &none);
	do {
		uint8_t *bytes = malloc(piece);

		FUZZ_CHECK(bytes);
		out->result = lane_read(&lane, bytes, piece, &want);
		FUZZ_CHECK(out->result <= (int64_t)piece);
		if (out->result > 0) {
			memcpy(out->bytes + out->len, bytes, (size_t)out->result);
			out->len += (size_t)out->result;
		}
		free(bytes);
	} while (out->result > 0);
	out->closed = lane.in.closed;
	rest = lane_take_rest(&lane);
	out->rest = out->result == 0 ? rest.len + line.left : 0;
	buf_fini(&rest);
	lane_fini(&lane);
}

static void check_same(const struct outcome *a, const struct outcome *b)
{
	FUZZ_CHECK(a->result == b->result && a->closed == b->closed && a->rest == b->rest);
	/* Before a wrong header, whole frames may have been read or not. */
	FUZZ_CHECK(a->len == b->len || a->result == SPORE_EPROTO);
	FUZZ_CHECK(memcmp(a->bytes, b->bytes, a->len < b->len ? a->len : b->len) == 0);
}

/* The first three bytes say how the others come. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct outcome whole, other;
	size_t early;

	if (size < 3 || size > MOST)
		return 0;
	early = data[0] < size - 3 ? data[0] : size - 3;
	receive(data + 3, size - 3, 0, SIZE_MAX, MOST, &whole);
	receive(data + 3, size - 3, early, 1 + data[1], 1 + data[2], &other);
	check_same(&whole, &other);
	return 0;
}
