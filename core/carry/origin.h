/* origin - where a connection to the server returns to when its visitor has gone. [worker]
 *
 * After Carry or Open, the connection is framed: the visitor's bytes end, and the connection goes
 * back to its pool for the next visitor. The stream owns the origin while it carries the
 * visitor. */
#ifndef CORE_CARRY_ORIGIN_H
#define CORE_CARRY_ORIGIN_H

#include <stdbool.h>

#include "base/uuid.h"
#include "loop/deadline.h"

struct ahead_pool;
struct buf;
struct stream;

struct origin {
	struct ahead_pool *pool; /* which has this user */
	unsigned grant;          /* the connection was lent under the grant of this number */
	struct uuid visitor;
	bool was_opened; /* the server has handed the visitor over with Open */
	struct stream *stream;
	struct deadline hold; /* of Opened */
};

/* Opened leaves together with the first bytes of the service or with its end, so that the server
 * reads one message instead of two. Opened waits for them at most this long after Open. A deadline
 * is up to 1 ms late. */
enum { ORIGIN_HOLD_MS = 4 };

/* Frames the visitor's bytes from here on. visit: all members except `hold`; copied. received,
 * unsent: what the stream has received and still has to send; they are framed, too. NULL: out of
 * memory. */
struct origin *origin_new(const struct origin *visit, struct buf *received, struct buf *unsent);
/* Holds Opened back until the service is reached. Opened is in the stream's unsent bytes. */
void origin_hold(struct origin *origin);
/* The service is reached, so the visitor is the client's: Opened may leave. It waits for the
 * service's first bytes, unless the last holds of this pool were in vain. */
void origin_release(struct origin *origin);
/* For the worker's list of holds. */
void origin_on_held(struct deadline *deadline);

#endif
