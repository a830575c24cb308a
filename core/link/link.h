/* link - carries messages on a stream. It lies between net/stream and the sessions of the server
 * and of the client.
 *
 * All messages that are sent in one turn of the loop leave in one write at its end. While the owner
 * pauses the link, a bounded number of received bytes is kept. Embedded by value in its owner.
 * [worker] */
#ifndef CORE_LINK_H
#define CORE_LINK_H

#include "base/buf.h"
#include "link/linger.h"
#include "loop/loop.h"
#include "wire/message.h"

struct link;
struct stream;

/* The most bytes that are kept: received ones that are not delivered yet (see link_widen), and ones
 * that wait to be sent. An unauthenticated peer can make us hold LINK_MAX_IN and no more. */
#define LINK_MAX_IN  1024
#define LINK_MAX_OUT ((size_t)64 * 1024)

enum link_fault { LINK_UNPARSABLE, LINK_TOO_LONG };

struct link_events {
	void (*on_message)(struct link *link, const struct message *message);
	/* An invalid frame has come. Nothing is read after it. */
	void (*on_fault)(struct link *link, enum link_fault fault);
	/* The peer has ended its stream (why is NULL), or the connection is broken. */
	void (*on_end)(struct link *link, const char *why);
};

struct link {
	struct stream *stream; /* owned; NULL once closed or taken */
	enum message_direction incoming;
	const struct link_events *events;
	struct buf in, out;
	size_t most_in; /* bytes in `in` */
	struct loop_task flush;
	bool paused;     /* by the owner, or after a fault: messages wait in `in` */
	bool lenient;    /* invalid messages are skipped */
	bool discarding; /* all input is dropped */
	bool ended;      /* the peer has ended its stream, or the connection is broken */
	bool end_told;   /* on_end has run, after the last message */
};

/* Takes the open stream and starts to read. Events never come from within a call of the owner. */
void link_init(struct link *link, struct stream *stream, enum message_direction incoming,
               const struct link_events *events);
/* Bytes that were received before link_init, as if they came now. Takes the contents of the buffer.
 * False: they are more than `most`. */
bool link_receive(struct link *link, struct buf *received, size_t most);
/* Frees the buffers and closes the stream, unless it was taken. Idempotent. */
void link_fini(struct link *link, bool reset);

/* Queues a message. False: LINK_MAX_OUT would be exceeded, because the peer does not read. */
bool link_send(struct link *link, const struct message *message);
/* Queues bytes behind the messages. False as above. */
bool link_send_bytes(struct link *link, const void *bytes, size_t len);
/* Writes now what was sent in this turn: for a message that somebody waits for, if no other one
 * follows in this turn. A failure shows at the end of the turn, when the link writes again. */
void link_push(struct link *link);
/* Bytes that wait to be sent. */
size_t link_backlog(const struct link *link);
/* While the link is paused, the only event is on_end for a broken connection. After link_resume
 * the kept messages are delivered at the end of the turn. */
void link_pause(struct link *link);
void link_resume(struct link *link);
/* Accepts other messages from now on, and resumes the link. lenient: skips invalid messages. */
void link_extend(struct link *link, enum message_direction incoming, bool lenient);
/* Keeps so many received bytes from now on, in place of LINK_MAX_IN: much may follow the next
 * message, and is read with it. Only for a peer that has proved itself. */
void link_widen(struct link *link, size_t most);
/* Hands the stream and the unsent bytes to the linger list, which closes it. The link is over. */
void link_finish(struct link *link, struct linger_list *lingerers);
/* Returns the stream, the bytes that followed the last message, and the unsent bytes. All are the
 * caller's. The link is over. */
struct stream *link_take(struct link *link, struct buf *received_out, struct buf *unsent_out);

#endif
