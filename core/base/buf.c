#include "base/buf.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void buf_fini(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){ 0 };
}

static bool grow(struct buf *buf, size_t need)
{
	size_t cap = buf->cap ? buf->cap : 64;
	uint8_t *data;

	while (cap < need)
		cap *= 2;
	data = realloc(buf->data, cap);
	if (!data)
		return false;
	buf->data = data;
	buf->cap = cap;
	return true;
}

/* Makes sure that `len` bytes are free at the end of the block. */
static bool make_room(struct buf *buf, size_t len)
{
	if (buf->off + buf->len + len <= buf->cap)
		return true;
	if (buf->off) {
		memmove(buf->data, buf->data + buf->off, buf->len);
		buf->off = 0;
	}
	return buf->len + len <= buf->cap || grow(buf, buf->len + len);
}

bool buf_append(struct buf *buf, const void *bytes, size_t len, size_t limit)
{
	if (len == 0)
		return true;
	if (len > limit || buf->len > limit - len || !make_room(buf, len))
		return false;
	memcpy(buf->data + buf->off + buf->len, bytes, len);
	buf->len += len;
	return true;
}

bool buf_prepend(struct buf *buf, const void *bytes, size_t len)
{
	if (len == 0)
		return true;
	if (!make_room(buf, len))
		return false;
	memmove(buf->data + buf->off + len, buf->data + buf->off, buf->len);
	memcpy(buf->data + buf->off, bytes, len);
	buf->len += len;
	return true;
}

const uint8_t *buf_bytes(const struct buf *buf)
{
	return buf->data ? buf->data + buf->off : NULL;
}

void buf_consume(struct buf *buf, size_t n)
{
	assert(n <= buf->len);
	buf->off += n;
	buf->len -= n;
	if (buf->len == 0)
		buf_fini(buf);
}
