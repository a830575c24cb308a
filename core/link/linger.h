/* linger - the last words of a connection, and an end that does not swallow them.
 *
 * Closing a socket with unread input sends a reset, which may overtake what was written last (an
 * error text, the Accept of a connection that ends at once). So: write, half-close, read away what
 * comes until the other side closes too or a second has passed, close. [worker] */
#ifndef CORE_LINGER_H
#define CORE_LINGER_H

#include "base/buf.h"
#include "loop/deadline.h"

struct stream;

/* One for each worker. */
struct linger_list {
	struct deadline_list deadlines;
	struct list all; /* oldest first */
	unsigned count;
	const unsigned *most; /* borrowed */
};

/* most: at least 1; borrowed, and read each time a connection starts to linger. When so many linger,
 * the next one closes the oldest: whoever keeps such connections open must not use up our
 * descriptors. */
void linger_list_init(struct linger_list *list, struct loop *loop, const unsigned *most);
/* Closes all that lingers. */
void linger_list_fini(struct linger_list *list);
/* Takes the stream and the bytes of `last` (which may be empty). */
void linger_start(struct linger_list *list, struct stream *stream, struct buf *last);

#endif
