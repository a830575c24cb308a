/* heads - reads what comes from a visitor at each length. */
#ifndef UNIT_ROUTEHTTP_HEADS_H
#define UNIT_ROUTEHTTP_HEADS_H

#include <stdlib.h>
#include <string.h>

#include "request.h"
#include "suite.h"

struct heads_bytes {
	uint8_t data[65536];
	size_t n;
};

static inline void heads_add(struct heads_bytes *b, const void *data, size_t n)
{
	ck_assert_uint_le(b->n + n, sizeof b->data);
	memcpy(b->data + b->n, data, n);
	b->n += n;
}

/* Reads the first n bytes, of a block that ends behind them. */
static inline enum head_result heads_read_first(const struct heads_bytes *b, size_t n,
                                                struct head *out)
{
	uint8_t *exact = malloc(n + !n);
	enum head_result result;

	ck_assert_ptr_nonnull(exact);
	memcpy(exact, b->data, n);
	result = request_read(exact, n, out);
	free(exact);
	if (result == HEAD_MORE)
		ck_assert_uint_gt(out->need, n);
	return result;
}

/* Reads it at each length: once there is a result, it stays. */
static inline enum head_result heads_read(const struct heads_bytes *b, struct head *out)
{
	enum head_result result = HEAD_MORE, next;

	for (size_t n = 0; n <= b->n; n++) {
		next = heads_read_first(b, n, out);
		ck_assert(result == HEAD_MORE || next == result);
		result = next;
	}
	return result;
}

static inline void heads_expect(const struct heads_bytes *b, const char *host, const char *path)
{
	struct head head;

	ck_assert_int_eq(heads_read(b, &head), HEAD_DONE);
	ck_assert_str_eq(head.host, host);
	ck_assert_str_eq(head.path, path);
}

static inline void heads_expect_wrong(const struct heads_bytes *b, const char *why)
{
	struct head head;

	ck_assert_int_eq(heads_read(b, &head), HEAD_WRONG);
	ck_assert_str_eq(head.why, why);
}

static inline void heads_expect_other(const struct heads_bytes *b, enum head_result result)
{
	struct head head;

	ck_assert_int_eq(heads_read(b, &head), result);
}

#endif
