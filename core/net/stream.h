/* stream - a connected socket, the transports stacked on it, and the one watcher of both.
 *
 *      relay, link        stream_read / stream_write / stream_want
 *           │
 *        stream ──▶ layer (the top transport) ──▶ ... ──▶ bottom (the socket)
 *           └────────── raw directions: straight to the descriptor
 *
 * The owner says which directions it wants (stream_want) and is called when they may succeed. The
 * stream itself waits for what the transports need of the descriptor. A transport that breaks the
 * contract of the SDK is logged; then each call fails, and the owner gets the events that it wants.
 * [worker] */
#ifndef CORE_STREAM_H
#define CORE_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "net/conn.h"

struct buf;
struct layer_origin;
struct loop;
struct stream;

enum stream_io { STREAM_OK, STREAM_AGAIN, STREAM_EOF, STREAM_ERROR };

/* Events: which direction may succeed now, or how the opening ended. STREAM_TOLD comes while the
 * stream opens, also from stream_open itself, and goes on with the handshakes unless the owner
 * closes the stream: a transport has told who the peer is (conn->peer, conn->is_of_proxy). */
enum {
	STREAM_READABLE = 1,
	STREAM_WRITABLE = 2,
	STREAM_OPENED = 4,
	STREAM_FAILED = 8,
	STREAM_TOLD = 16
};
typedef void (*stream_fn)(struct stream *stream, unsigned events, void *arg);

/* Takes the connected, non-blocking fd on success. `local` may be NULL. NULL: out of memory. */
struct stream *stream_new(struct loop *loop, int fd, const spore_addr *peer,
                          const spore_addr *local);
/* Closes in order or with a reset. After a transport has broken the contract, it is always a reset.
 * No event follows, and the memory is freed at the end of the turn. NULL is fine, and so is a
 * second call in the same turn. A detached stream may be closed on any thread, but only once; it is
 * freed at once. */
void stream_close(struct stream *stream, bool reset);

spore_conn *stream_conn(struct stream *stream);
spore_stream *stream_top(struct stream *stream);
/* Puts `upper` on top. It is what a transport's wrap made of stream_top; if it is stream_top
 * itself, the transport adds no layer. There must be fewer than CONN_MAX_LAYERS layers. False: out
 * of memory, and `upper` and all below it have been closed; the caller still closes the stream. */
bool stream_push(struct stream *stream, spore_stream *upper, const struct layer_origin *origin);

/* Keeps something that the layers need, and passes it to `release` when the stream is freed. Call
 * it at most once. */
void stream_keep(struct stream *stream, void (*release)(void *kept), void *kept);

/* Sets the ticket by which a transport may finish its handshake on another thread. `drop` gets the
 * ticket when the stream does not need it any more. Replaces a spent ticket. */
void stream_set_ticket(struct stream *stream, spore_ticket ticket,
                       void (*drop)(spore_ticket ticket));
/* The handshake has failed on another thread: STREAM_FAILED follows. */
void stream_fail(struct stream *stream);
/* Starts the handshakes of all layers, lowest first. True: the stream is open already. False:
 * STREAM_OPENED or STREAM_FAILED follows, unless the owner has closed the stream. */
bool stream_open(struct stream *stream);
/* ---- one user after another ---- */

/* Where a stream goes when its user closes it and another user may follow. */
struct stream_home {
	/* Takes the open stream, which has no owner and wants nothing, and the bytes that came
	 * behind the user's. */
	void (*take_back)(struct stream *stream, struct buf *rest, void *arg);
	/* The stream was closed for good: no other user can follow. */
	void (*drop)(void *arg);
};

/* The open stream carries a user from now on: its bytes are framed (lane/lane.h), and stream_close
 * gives it to `home` if the user has ended in order in both directions. Takes the contents of both
 * buffers: bytes that were received already, and plain bytes that leave first. One of the functions
 * of `home` gets `arg`, once. False: out of memory; nothing has changed. */
bool stream_begin_user(struct stream *stream, const struct stream_home *home, void *arg,
                       struct buf *received, struct buf *unsent);
/* The plain bytes wait for the user's first ones, as in lane_hold, at most until
 * stream_release_user. Call it directly after stream_begin_user. */
void stream_hold_user(struct stream *stream);
/* Call it only while the stream has that user. True: they were still waiting. */
bool stream_release_user(struct stream *stream);
/* The user ends before that: sends the bytes that wait, as far as they leave now. Only within
 * home->drop. */
void stream_push_user(struct stream *stream);
/* The user sends much: its bytes are not framed from now on, so no other user will follow. Does
 * nothing if the stream frames no user. True: stream_fd takes the bytes unchanged. */
bool stream_go_raw(struct stream *stream);
/* stream_go_raw may return true, now or later. */
bool stream_may_go_raw(struct stream *stream);

/* Sets the callback for events. It may be replaced at any time; NULL takes no events. */
void stream_set_owner(struct stream *stream, stream_fn fn, void *arg);
/* Sets the directions that the owner waits for: SPORE_READ | SPORE_WRITE. */
void stream_want(struct stream *stream, unsigned directions);
/* The descriptor of a bare stream is used by other means until stream_take_back: the stream neither
 * watches it nor reports events, whatever is wanted. It may be closed meanwhile. */
void stream_lend(struct stream *stream);
void stream_take_back(struct stream *stream);
/* Reports all wanted directions at the end of this turn, so that the owner tries them again. */
void stream_wake(struct stream *stream);

enum stream_io stream_read(struct stream *stream, void *bytes, size_t len, size_t *n_out);
/* Gives bytes back that were read: they are read again, before all others. Takes the contents of
 * the buffer. Call it at most once, and not while the stream has a user. */
void stream_unread(struct stream *stream, struct buf *bytes);
/* Has the peer of a bare stream ended its direction, and are all of its bytes read? Then the caller
 * need not read the end. */
bool stream_meets_end(struct stream *stream);
/* There is input that is not in the socket any more: a transport or a frame holds it back, or it
 * was given back. */
bool stream_has_input(const struct stream *stream);
/* Writes as much as it can, and flushes. *n_out < len with STREAM_OK is normal. */
enum stream_io stream_write(struct stream *stream, const void *bytes, size_t len, size_t *n_out);
/* The same for the last bytes. If all were taken, stream_shutdown comes next. What a stream with a
 * user adds for its end leaves in the same write. */
enum stream_io stream_write_last(struct stream *stream, const void *bytes, size_t len,
                                 size_t *n_out);
/* Ends the writing direction. STREAM_AGAIN: call it again when writable. */
enum stream_io stream_shutdown(struct stream *stream);

/* Directions in which stream_fd carries the bytes unchanged. A transport is asked once, when it
 * holds no bytes back. */
unsigned stream_raw(struct stream *stream);
/* No transport and no frame lies on the socket. */
bool stream_is_bare(const struct stream *stream);
int stream_fd(const struct stream *stream);
/* The caller wrote to stream_fd, and that failed with this errno. */
void stream_lose(struct stream *stream, int cause);
/* Is the connection broken? Then an end of file on stream_fd is not an orderly end. stream_read
 * reports it as an error. */
bool stream_is_lost(const struct stream *stream);
/* The peer has closed or reset the connection, whatever it had sent before. */
bool stream_has_left(const struct stream *stream);
/* The connection has failed because the peer's host answers nothing. */
bool stream_has_vanished(const struct stream *stream);
/* The peer left before it had sent a byte, as health checks and port scans do. Bytes by which a
 * proxy has told who the peer is do not count. */
bool stream_left_unheard(const struct stream *stream);
/* Takes the socket out of a stream that belongs to a loop, if no byte has been read from it or
 * written to it, so that it is as it was accepted. The caller owns it, and closes the stream next.
 * -1: it has been used. */
int stream_take_unused(struct stream *stream);
/* NULL while it is detached. */
struct loop *stream_loop(const struct stream *stream);
/* The cause of the last failure, for the log. */
const char *stream_error(struct stream *stream);
/* What a transport reports about its peer. NULL: no transport reports anything; the socket may have
 * failed. */
const char *stream_complaint(struct stream *stream);
/* The transport whose handshake the stream waits for; "none": the stream is not opening. */
const char *stream_shaking(const struct stream *stream);

/* ---- moving an open stream to another worker ---- */

/* The state of a transport's instance (layer_origin.instance) on the worker of that loop. */
typedef void *(*stream_state_fn)(const void *instance, const struct loop *loop);

/* Can all its transports move? If not, the stream stays with the worker that opened it. */
bool stream_can_move(const struct stream *stream);
/* Takes the stream from its worker and its owner. Call it outside of the stream's callbacks, for
 * example in a task at the end of the turn.
 *  - STREAM_OK: it belongs to nobody; another thread may call stream_attach or stream_close;
 *  - STREAM_AGAIN: a task is queued or a transport is busy; nothing has changed, try it again in
 *    another turn;
 *  - STREAM_ERROR: it is not open, cannot move, or has failed. */
enum stream_io stream_detach(struct stream *stream, stream_state_fn state_on);
/* Gives the stream to this loop. It wants nothing and has no owner. False: a transport has refused;
 * close the stream. [worker] of the loop */
bool stream_attach(struct stream *stream, struct loop *loop, stream_state_fn state_on);

#endif
