#include "wire/frame.h"

#include <string.h>

enum frame_state frame_next(const void *bytes, size_t len, size_t *len_out)
{
	size_t look = len < FRAME_MAX + 1 ? len : FRAME_MAX + 1;
	const void *end = look ? memchr(bytes, 0, look) : NULL;

	if (end) {
		*len_out = (size_t)((const char *)end - (const char *)bytes);
		return FRAME_WHOLE;
	}
	return len > FRAME_MAX ? FRAME_TOO_LONG : FRAME_PARTIAL;
}
