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

bool buf_append(struct buf *buf, const void *bytes, size_t len, size_t limit)
{
	if (len == 0)
		return true;
	if (len > limit || buf->len > limit - len)
		return false;
	if (buf->off && buf->off + buf->len + len > buf->cap) {
		memmove(buf->data, buf->data + buf->off, buf->len);
		buf->off = 0;
	}
	if (buf->off + buf->len + len > buf->cap && !grow(buf, buf->off + buf->len + len))
		return false;
	memcpy(buf->data + buf->off + buf->len, bytes, len);
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
