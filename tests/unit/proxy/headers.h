/* headers - headers of the PROXY protocol for tests, and what reading them gives. */
#ifndef UNIT_PROXY_HEADERS_H
#define UNIT_PROXY_HEADERS_H

#include <stdio.h>
#include <stdlib.h>

#include "net/addr.h"
#include "reader.h"
#include "suite.h"

struct headers_bytes {
	uint8_t bytes[HEADER_MAX + 64];
	size_t n;
};

static inline struct headers_bytes headers_text(const char *text)
{
	struct headers_bytes b = { .n = strlen(text) };

	memcpy(b.bytes, text, b.n);
	return b;
}

static inline void headers_add(struct headers_bytes *b, const void *bytes, size_t n)
{
	ck_assert_uint_le(b->n + n, sizeof b->bytes);
	if (n > 0)
		memcpy(b->bytes + b->n, bytes, n);
	b->n += n;
}

/* Version 2: the two bytes behind the signature, and a body with its length. */
static inline struct headers_bytes headers_binary(unsigned command, unsigned family,
                                                  const void *body, size_t n)
{
	static const uint8_t signature[12] = "\r\n\r\n\0\r\nQUIT\n";
	const uint8_t rest[4] = { (uint8_t)command, (uint8_t)family, (uint8_t)(n >> 8),
		                  (uint8_t)n };
	struct headers_bytes b = { .n = 0 };

	headers_add(&b, signature, sizeof signature);
	headers_add(&b, rest, sizeof rest);
	headers_add(&b, body, n);
	return b;
}

/* Reads the first n bytes from a block that ends behind them. */
static inline enum header_result headers_read(const struct headers_bytes *b, size_t n,
                                              struct header *out)
{
	uint8_t *exact = malloc(n ? n : 1);
	enum header_result result;

	memcpy(exact, b->bytes, n);
	result = reader_read(exact, n, out);
	free(exact);
	return result;
}

/* The header is read at each of its bytes, and no byte behind it is asked for. */
static inline struct header headers_expect_done(const struct headers_bytes *b)
{
	struct headers_bytes more = *b;
	struct header header;

	for (size_t n = 0; n < b->n; n++) {
		ck_assert_msg(headers_read(b, n, &header) == HEADER_MORE, "byte %zu: %s", n,
		              header.why);
		ck_assert_uint_gt(header.need, 0);
		ck_assert_uint_le(n + header.need, b->n);
	}
	headers_add(&more, "PROXY \r\n", 8);
	ck_assert_int_eq(headers_read(&more, more.n, &header), HEADER_DONE);
	ck_assert_uint_eq(header.len, b->n);
	ck_assert_msg(headers_read(b, b->n, &header) == HEADER_DONE, "%s", header.why);
	ck_assert_uint_eq(header.len, b->n);
	return header;
}

static inline void headers_expect_client(const struct headers_bytes *b, const char *address,
                                         unsigned family)
{
	struct header header = headers_expect_done(b);
	char text[ADDR_TEXT_SIZE];

	ck_assert(header.has_client);
	ck_assert_str_eq(addr_format(&header.client, text), address);
	ck_assert_uint_eq(header.client.family, family);
}

static inline void headers_expect_no_client(const struct headers_bytes *b)
{
	struct header header = headers_expect_done(b);

	ck_assert(!header.has_client);
	ck_assert_uint_eq(header.client.family, 0);
}

/* Refused as a whole, and no beginning of it is accepted. */
static inline void headers_expect_wrong(const struct headers_bytes *b, enum header_fault fault,
                                        const char *why)
{
	struct header header;

	for (size_t n = 0; n < b->n; n++)
		ck_assert_int_ne(headers_read(b, n, &header), HEADER_DONE);
	ck_assert_int_eq(headers_read(b, b->n, &header), HEADER_WRONG);
	ck_assert_str_eq(header.why, why);
	ck_assert_int_eq(header.fault, fault);
}

#endif
