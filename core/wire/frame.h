/* frame - bore's framing: a JSON text of at most 256 bytes, followed by one NUL. Pure. [any] */
#ifndef CORE_FRAME_H
#define CORE_FRAME_H

#include <stddef.h>

#define FRAME_MAX 256

enum frame_state {
	FRAME_WHOLE,   /* *len_out bytes of text, followed by the NUL */
	FRAME_PARTIAL, /* more bytes are needed */
	FRAME_TOO_LONG /* more than FRAME_MAX bytes without a NUL */
};

/* Looks for a frame at the start of the bytes that have been received. */
enum frame_state frame_next(const void *bytes, size_t len, size_t *len_out);

#endif
