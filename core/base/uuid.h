/* uuid - the 16-byte ids of challenges and connections (RFC 9562). [any] */
#ifndef CORE_UUID_H
#define CORE_UUID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UUID_TEXT_SIZE 37

struct uuid {
	uint8_t bytes[16];
};

/* A random version 4 UUID; false if there were no random bytes. */
bool uuid_random(struct uuid *uuid_out);

/* Random UUIDs that are made many at a time, which costs much less for each. Begin with zeroes. One
 * thread uses it. */
enum { UUID_STOCK = 64 };

struct uuid_stock {
	struct uuid uuids[UUID_STOCK];
	unsigned left;
};

/* As uuid_random. Nothing of the UUID stays in the stock. */
bool uuid_stock_take(struct uuid_stock *stock, struct uuid *uuid_out);

/* Makes it a version 8 UUID, whose bits each application defines. The 12 bits after the version
 * become those of `custom`: see spore_challenge_offers. */
void uuid_mark(struct uuid *uuid, unsigned custom);
/* In lower case with hyphens, NUL-terminated. */
void uuid_format(const struct uuid *uuid, char text_out[UUID_TEXT_SIZE]);
/* Accepts the forms that Rust's uuid crate accepts, in any case: with hyphens, without, in braces,
 * or as a URN. */
bool uuid_parse(const char *text, size_t len, struct uuid *uuid_out);
bool uuid_equal(const struct uuid *a, const struct uuid *b);

#endif
