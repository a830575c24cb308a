/* buf - a bounded byte queue: append at the end, consume at the front.
 *
 *      data      data+off            data+off+len        data+cap
 *        | consumed  | waiting bytes        | free            |
 *
 * An empty buf holds no memory: buf_consume frees the block with the last byte. Embedded by value
 * in its owner; zero-initialized is empty. Not thread-safe. */
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
/* Appends `len` bytes. False, and nothing appended, if more than `limit` bytes would wait or memory
 * is out. */
bool buf_append(struct buf *buf, const void *bytes, size_t len, size_t limit);
/* Puts `len` bytes in front of those that wait. False, and nothing has changed: memory is out. */
bool buf_prepend(struct buf *buf, const void *bytes, size_t len);
/* The waiting bytes; valid until the next call that changes buf. */
const uint8_t *buf_bytes(const struct buf *buf);
/* Drops n <= len bytes from the front. */
void buf_consume(struct buf *buf, size_t n);

#endif
