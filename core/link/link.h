/* link - a stream that carries messages: between stream (below) and the sessions of server and
 * client (above).
 *
 * Messages that are sent in one turn go out in one write at its end. What is received is kept,
 * bounded, while the owner is not ready for it. Embedded by value in its owner. [worker] */
#ifndef CORE_LINK_H
#define CORE_LINK_H

#include "base/buf.h"
#include "link/linger.h"
#include "loop/loop.h"
#include "wire/message.h"

struct link;
struct stream;

/* Most that is kept of what was received and not yet looked at: all that a stranger can make us
 * hold. Most that waits to be sent. */
#define LINK_MAX_IN  1024
#define LINK_MAX_OUT ((size_t)64 * 1024)

enum link_fault { LINK_UNPARSABLE, LINK_TOO_LONG };

struct link_events {
	void (*on_message)(struct link *link, const struct message *message);
	/* A frame that is none; nothing more is read. */
	void (*on_fault)(struct link *link, enum link_fault fault);
	/* The other side ended (why NULL) or the connection broke. */
	void (*on_end)(struct link *link, const char *why);
};

struct link {
	struct stream *stream; /* owned; NULL once closed or taken */
	enum message_direction incoming;
	const struct link_events *events;
	struct buf in, out;
	struct loop_task flush;
	bool paused;     /* messages wait in `in` */
	bool lenient;    /* what is no message is passed over */
	bool discarding; /* all that is received is dropped */
	bool ended;      /* the other side sent its end ... */
	bool end_told;   /* ... and the owner knows: after the last message before it */
};

/* Takes the open stream and starts to read. Events never come from within a call of the owner's. */
void link_init(struct link *link, struct stream *stream, enum message_direction incoming,
               const struct link_events *events);
/* Frees what it holds; a stream that is still its own is closed. Idempotent. */
void link_fini(struct link *link, bool reset);

/* Queues a message; false when LINK_MAX_OUT would be passed (the other side does not read). */
bool link_send(struct link *link, const struct message *message);
/* Bytes that wait to be sent. */
size_t link_backlog(const struct link *link);
/* While paused no event comes but on_end for a broken connection. Resuming delivers at the end of
 * the turn. */
void link_pause(struct link *link);
void link_resume(struct link *link);
/* From now on other messages may come (`lenient`: what is none is passed over), and they are
 * delivered. */
void link_extend(struct link *link, enum message_direction incoming, bool lenient);
/* Says what waits, then ends the connection in the linger list. The link is over. */
void link_finish(struct link *link, struct linger_list *lingerers);
/* Hands the stream on, with the bytes that came behind the last message and those still to be sent.
 * The link is over. */
struct stream *link_take(struct link *link, struct buf *received_out, struct buf *unsent_out);

#endif
