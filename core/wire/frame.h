/* frame - bore's framing: a JSON text of at most 256 bytes, ended by one NUL. Pure. [any] */
#ifndef CORE_FRAME_H
#define CORE_FRAME_H

#include <stddef.h>

#define FRAME_MAX 256

enum frame_state {
	FRAME_WHOLE,   /* *len_out bytes of text; the NUL stands behind them */
	FRAME_PARTIAL, /* more bytes are needed */
	FRAME_TOO_LONG /* no NUL where one must have come */
};

/* Looks at the front of what has been received. */
enum frame_state frame_next(const void *bytes, size_t len, size_t *len_out);

#endif
