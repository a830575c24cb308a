/* linger - closes a connection such that its last bytes arrive.
 *
 * Closing a socket with unread input sends a reset. The reset may overtake what was written last:
 * an error text, or the Accept of a connection that ends at once. A lingering connection writes
 * its last bytes and half-closes. Then it discards input until the peer closes too, or until a
 * second has passed. [worker] */
#ifndef CORE_LINGER_H
#define CORE_LINGER_H

#include "base/buf.h"
#include "loop/deadline.h"

struct stream;

/* Each worker has one. */
struct linger_list {
	struct deadline_list deadlines;
	struct list all; /* oldest first */
	unsigned count;
	const unsigned *most; /* see linger_list_init; borrowed */
};

/* most: the number of connections that may linger, at least 1. It is borrowed, and read whenever a
 * connection starts to linger. One more closes the oldest, so that peers that never close cannot
 * use up the descriptors. */
void linger_list_init(struct linger_list *list, struct loop *loop, const unsigned *most);
/* Closes all lingering connections. */
void linger_list_fini(struct linger_list *list);
/* Takes the stream and the bytes of `last`, which may be empty. */
void linger_start(struct linger_list *list, struct stream *stream, struct buf *last);

#endif
