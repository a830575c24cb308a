/* buf - a bounded byte queue: append at the end, consume at the front.
 *
 *      data      data+off            data+off+len        data+cap
 *        | consumed  | bytes that wait      | free            |
 *
 * Memory is held only while bytes wait: an emptied buf gives its block back. Embedded by value in
 * what owns it; zero-initialized is a valid empty buf without a block. Not thread-safe. */
#ifndef CORE_BUF_H
#define CORE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	uint8_t *data;
	size_t off, len, cap;
};

void buf_fini(struct buf *buf);
/* Appends; false when that would exceed `limit` bytes waiting, or memory is out (nothing is
 * appended then). */
bool buf_append(struct buf *buf, const void *bytes, size_t len, size_t limit);
/* The bytes that wait; valid until the next call that changes buf. */
const uint8_t *buf_bytes(const struct buf *buf);
/* Drops n <= len bytes from the front. */
void buf_consume(struct buf *buf, size_t n);

#endif
