/* stream - a connected socket, the transports stacked on it, and its one watcher.
 *
 *      relay, link        stream_read / stream_write / stream_want
 *           │
 *        stream ──▶ top transport ──▶ ... ──▶ bottom (the socket)
 *           └────────── raw directions: straight to the descriptor
 *
 * The owner says what it wants (stream_want) and is called when that may succeed; what the
 * transport needs the descriptor for meanwhile is the stream's business. All of it is [worker]. */
#ifndef CORE_STREAM_H
#define CORE_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "net/conn.h"

struct loop;
struct stream;

enum stream_io { STREAM_OK, STREAM_AGAIN, STREAM_EOF, STREAM_ERROR };

/* Events: what may succeed now, or how the opening ended. */
enum { STREAM_READABLE = 1, STREAM_WRITABLE = 2, STREAM_OPENED = 4, STREAM_FAILED = 8 };
typedef void (*stream_fn)(struct stream *stream, unsigned events, void *arg);

/* Takes the connected, non-blocking fd on success. `local` may be NULL. NULL: out of memory. */
struct stream *stream_new(struct loop *loop, int fd, const spore_addr *peer,
                          const spore_addr *local);
/* Orderly, or with a reset. Idempotent in effect: stream may be NULL, and is gone at the end of the
 * turn; no event follows. */
void stream_close(struct stream *stream, bool reset);

spore_conn *stream_conn(struct stream *stream);
spore_stream *stream_top(struct stream *stream);
/* Lays `upper` on top (as wrap made it, by a transport that is secure or not); there are less than
 * CONN_MAX_LAYERS. */
void stream_push(struct stream *stream, spore_stream *upper, bool secure);

/* What the layers need while they live: `release` runs with it when the stream is gone. Once. */
void stream_keep(struct stream *stream, void (*release)(void *kept), void *kept);

/* The ticket through which a transport may finish its handshake elsewhere; `drop` is called with it
 * when the stream needs it no more. Replaces a spent one. */
void stream_set_ticket(struct stream *stream, spore_ticket ticket,
                       void (*drop)(spore_ticket ticket));
/* The handshake has failed elsewhere: STREAM_FAILED follows. */
void stream_fail(struct stream *stream);
/* Starts the handshakes of all layers, lowest first. True: it is open already (nothing to shake
 * hands about). Else STREAM_OPENED or STREAM_FAILED follows. */
bool stream_open(struct stream *stream);
/* Who is called; fn may be replaced at any time, NULL takes no events. */
void stream_set_owner(struct stream *stream, stream_fn fn, void *arg);
/* What the owner waits for: SPORE_READ | SPORE_WRITE. */
void stream_want(struct stream *stream, unsigned directions);
/* Try again all that is wanted, at the end of this turn. */
void stream_wake(struct stream *stream);

enum stream_io stream_read(struct stream *stream, void *bytes, size_t len, size_t *n_out);
/* Writes what it can; flushes. *n_out < len with STREAM_OK is normal. */
enum stream_io stream_write(struct stream *stream, const void *bytes, size_t len, size_t *n_out);
/* Ends the writing direction; STREAM_AGAIN: call again when writable. */
enum stream_io stream_shutdown(struct stream *stream);

/* Directions in which stream_fd carries the bytes unchanged. A transport is asked once, when it has
 * nothing pending. */
unsigned stream_raw(struct stream *stream);
/* No transport is laid on it: its end is the socket's. */
bool stream_is_bare(const struct stream *stream);
int stream_fd(const struct stream *stream);
/* A write straight to stream_fd failed with this errno. */
void stream_lose(struct stream *stream, int cause);
/* The connection broke: an end that stream_fd gives is none. (stream_read knows.) */
bool stream_is_lost(const struct stream *stream);
/* The peer went before it had sent a byte (while it was opened): a health check, a scan of ports.
 */
bool stream_left_unheard(const struct stream *stream);
struct loop *stream_loop(const struct stream *stream);
/* Why the last call failed, for the log. */
const char *stream_error(struct stream *stream);
/* The same where a transport found something wrong with its peer; NULL: the socket failed, or
 * nothing did. */
const char *stream_complaint(struct stream *stream);

#endif
