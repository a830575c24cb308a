/* spore/transport.h - byte-stream transports: plain, TLS, ...
 * SPDX-License-Identifier: MIT
 *
 * A transport turns a lower stream into an upper stream with the same operations, so transports
 * stack: the first entry of the configuration lies nearest the socket. At the bottom is the host's
 * own stream over the socket. All of it is [worker]: a stream lives and dies on one worker.
 */
#ifndef SPORE_TRANSPORT_H
#define SPORE_TRANSPORT_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The attribute under which a transport offers bytes that name its session to both ends and to nobody
 * else (RFC 9266); the host hands them to auth plugins. */
#define SPORE_ATTR_CHANNEL_BINDING "channel.binding"
/* The attribute, of any value, by which a stream takes its transport's SPORE_TRANSPORTF_SECURE back: the
 * peer was not verified, say. Asked once, when all handshakes are done. */
#define SPORE_ATTR_INSECURE "transport.insecure"

enum { SPORE_CLOSE_FIN = 1, SPORE_CLOSE_RST = 2 };

typedef struct spore_stream_ops spore_stream_ops;
/* FROZEN. `ops` first, the implementation's data behind it. */
typedef struct spore_stream { const spore_stream_ops *ops; } spore_stream;

/* The host calls the topmost stream alone, and each stream the one below: flush() and pending() are to
 * ask below, too, and a handshake flushes below what it writes. What is not optional is mandatory: the
 * host uses no stream that lacks it. None of these may block. EAGAIN sets *want to SPORE_READ or
 * SPORE_WRITE: what the descriptor must be ready for before the same call can do more; a read may want
 * WRITE, and the reverse. */
struct spore_stream_ops {
	uint32_t struct_size;
	uint32_t reserved;

	/* Drive the opening exchange. SPORE_OK: done. SPORE_EAGAIN: call again when *want is ready.
	 * SPORE_EPENDING: call again after host->complete_handshake(ticket). Else failed: error()
	 * says why. Lower streams have finished theirs before. What the last call has left to send
	 * the host flushes, with the first bytes of its own if it has any. */
	spore_status (*handshake)(spore_stream *, uint32_t *want, spore_ticket);

	/* Bytes moved (> 0); readv: 0 at the peer's clean end; SPORE_EAGAIN with *want; else broken
	 * (SPORE_ECLOSED for a reset). Partial transfers are normal. A call repeated after EAGAIN may
	 * pass another buffer. */
	int64_t (*readv)(spore_stream *, const spore_iov *, uint32_t n, uint32_t *want);
	int64_t (*writev)(spore_stream *, const spore_iov *, uint32_t n, uint32_t *want);
	/* Hand on what writev() took but still holds. The host calls it after its last writev() of a
	 * turn and before it leaves this stream, so a buffer shared by a worker's streams is empty
	 * between them. SPORE_OK, or SPORE_EAGAIN with *want (the stream keeps the rest and the host
	 * calls again), else broken. Optional. */
	spore_status (*flush)(spore_stream *, uint32_t *want);
	/* Bytes that readv() would return although the descriptor is not readable. Optional: 0. */
	size_t (*pending)(spore_stream *);

	/* Send the end of the stream (half-close), after everything written. SPORE_OK, SPORE_EAGAIN
	 * with *want, else broken. Reading stays possible. */
	spore_status (*shutdown)(spore_stream *, uint32_t *want);
	/* Release this stream AND the one below: SPORE_CLOSE_FIN orderly, SPORE_CLOSE_RST so that the
	 * peer sees a reset. Frees; cannot fail; legal at any time, also before the handshake. */
	void (*close)(spore_stream *, uint32_t how);

	/* The descriptor to poll: that of the bottom. */
	int (*fd)(spore_stream *);
	/* Directions (SPORE_READ | SPORE_WRITE) in which fd() carries the application's bytes
	 * unchanged from now on. There the host leaves readv/writev alone and may splice. Asked once
	 * the handshake is done and pending() is 0. Optional: none. */
	uint32_t (*raw)(spore_stream *);

	/* Facts for host->conn_attr(): 1 and *out, or 0 (the host then asks the stream below). *out
	 * lives until the next call into the stream. Optional. */
	uint32_t (*attr)(spore_stream *, const char *key, size_t index, spore_str *out);
	/* Why the last call failed, one line for the operator; lives until the next call. Optional. */
	const char *(*error)(spore_stream *);
};
SPORE_GROWABLE(spore_stream_ops, error);

typedef struct spore_wrap_args {
	uint32_t struct_size;
	uint32_t role;                   /* SPORE_ROLE_SERVER (accepted) or _CLIENT (dialled) */
	spore_stream *lower;             /* the upper stream's on success; the host's on failure */
	spore_conn *conn;                /* RETAINED until the stream is closed */
	const spore_addr *peer;
	const char *server_name;         /* client: the name that was dialled; NULL on a server */
} spore_wrap_args;
SPORE_GROWABLE(spore_wrap_args, server_name);

/* SPORE_TRANSPORTF_SECURE: confidential and authenticated, fit to carry secrets; see also
 * SPORE_ATTR_INSECURE. */
enum { SPORE_TRANSPORTF_SECURE = 1 };

typedef struct spore_transport_ops {
	uint32_t struct_size;
	uint32_t flags;                  /* SPORE_TRANSPORTF_* */
	/* Put a stream on top of args->lower. A transport that adds nothing may return `lower`. */
	spore_status (*wrap)(void *state, const spore_wrap_args *, spore_stream **upper_out);
	/* NULL-ended keys that its streams' attr() may know: they are copied for those who ask from
	 * another thread. May be NULL. */
	const char *const *attr_keys;
} spore_transport_ops;
SPORE_GROWABLE(spore_transport_ops, attr_keys);

#ifdef __cplusplus
}
#endif
#endif
