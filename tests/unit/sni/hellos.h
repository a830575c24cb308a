/* hellos - ClientHellos of a test, and their reading at each length. */
#ifndef UNIT_SNI_HELLOS_H
#define UNIT_SNI_HELLOS_H

#include <stdlib.h>
#include <string.h>

#include "hello.h"
#include "suite.h"

struct hellos_bytes {
	uint8_t data[32768];
	size_t n;
};

static inline void hellos_add(struct hellos_bytes *b, const void *data, size_t n)
{
	ck_assert_uint_le(b->n + n, sizeof b->data);
	memcpy(b->data + b->n, data, n);
	b->n += n;
}

static inline void hellos_number(struct hellos_bytes *b, size_t value, size_t size)
{
	while (size-- > 0)
		hellos_add(b, &(uint8_t){ (uint8_t)(value >> 8 * size) }, 1);
}

static inline void hellos_extension(struct hellos_bytes *b, size_t type, const void *data, size_t n)
{
	hellos_number(b, type, 2);
	hellos_number(b, n, 2);
	hellos_add(b, data, n);
}

/* The extension server_name with `len` bytes as its name. */
static inline void hellos_name(struct hellos_bytes *b, const char *name, size_t len)
{
	hellos_number(b, 0, 2);
	hellos_number(b, len + 5, 2);
	hellos_number(b, len + 3, 2);
	hellos_number(b, 0, 1);
	hellos_number(b, len, 2);
	hellos_add(b, name, len);
}

/* The message with these extensions; NULL: without the field. */
static inline void hellos_message(struct hellos_bytes *b, const struct hellos_bytes *extensions)
{
	static const uint8_t random[32] = { 1, 2, 3 };
	struct hellos_bytes body = { .n = 0 };

	hellos_number(&body, 0x0303, 2);
	hellos_add(&body, random, sizeof random);
	hellos_number(&body, 32, 1); /* the session's id */
	hellos_add(&body, random, sizeof random);
	hellos_number(&body, 4, 2);
	hellos_number(&body, 0x1A1A1301, 4); /* GREASE, and a suite */
	hellos_number(&body, 0x0100, 2);     /* no compression */
	if (extensions) {
		hellos_number(&body, extensions->n, 2);
		hellos_add(&body, extensions->data, extensions->n);
	}
	hellos_number(b, 1, 1);
	hellos_number(b, body.n, 3);
	hellos_add(b, body.data, body.n);
}

/* The message in records of at most `most` bytes. */
static inline void hellos_records(struct hellos_bytes *b, const struct hellos_bytes *message,
                                  size_t most)
{
	for (size_t at = 0, n; at < message->n; at += n) {
		n = message->n - at < most ? message->n - at : most;
		hellos_number(b, 0x160301, 3);
		hellos_number(b, n, 2);
		hellos_add(b, message->data + at, n);
	}
}

/* A hello whose extensions are these, in one record. */
static inline void hellos_make(struct hellos_bytes *b, const struct hellos_bytes *extensions)
{
	struct hellos_bytes message = { .n = 0 };

	b->n = 0;
	hellos_message(&message, extensions);
	hellos_records(b, &message, 16384);
}

/* Reads the first n bytes, of a block that ends behind them. */
static inline enum hello_result hellos_read_first(const struct hellos_bytes *b, size_t n,
                                                  struct hello *out)
{
	uint8_t *exact = malloc(n + !n);
	enum hello_result result;

	ck_assert_ptr_nonnull(exact);
	memcpy(exact, b->data, n);
	result = hello_read(exact, n, out);
	free(exact);
	if (result == HELLO_MORE)
		ck_assert_uint_gt(out->need, n);
	return result;
}

/* Reads it at each length: once there is a result, it stays. */
static inline enum hello_result hellos_read(const struct hellos_bytes *b, struct hello *out)
{
	enum hello_result result = HELLO_MORE, next;
	size_t need = 0;

	for (size_t n = 0; n <= b->n; n++) {
		next = hellos_read_first(b, n, out);
		ck_assert(result == HELLO_MORE || next == result);
		ck_assert(n >= need || next == HELLO_MORE || next == HELLO_WRONG ||
		          next == HELLO_OTHER);
		if (next == HELLO_MORE)
			need = out->need;
		result = next;
	}
	return result;
}

#endif
