/* spore/transport.h - byte-stream transports, such as TLS.
 * SPDX-License-Identifier: MIT
 *
 * A transport puts an upper stream on a lower stream. Both have the same operations, so transports
 * can be stacked. The first entry of the configuration is nearest to the socket. The lowest stream
 * is the host's own, over the socket. Every function here is [worker]: a stream stays on one
 * worker.
 */
#ifndef SPORE_TRANSPORT_H
#define SPORE_TRANSPORT_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The attribute of a stream that has its channel binding (RFC 9266): bytes that identify the
 * session and that only its two ends know. The host passes them to auth plugins. */
#define SPORE_ATTR_CHANNEL_BINDING "channel.binding"
/* A stream that has this attribute, with any value, is not secure, although its transport has
 * SPORE_TRANSPORTF_SECURE. Use it if the peer was not verified, for example. The host asks once,
 * after all handshakes. */
#define SPORE_ATTR_INSECURE "transport.insecure"

enum { SPORE_CLOSE_FIN = 1, SPORE_CLOSE_RST = 2 };

typedef struct spore_stream_ops spore_stream_ops;
/* FROZEN. An implementation embeds it as the first member of its own struct. */
typedef struct spore_stream {
	const spore_stream_ops *ops;
} spore_stream;

/* The host calls the topmost stream only. Each stream calls the stream below: flush() and pending()
 * must include the stream below, and a handshake must flush what it wrote there. A function that is
 * not marked optional is mandatory; the host refuses a stream without it. No function may block. A
 * function that returns SPORE_EAGAIN sets *want to SPORE_READ or SPORE_WRITE: the readiness of the
 * descriptor that the call needs before it can continue. A read may want SPORE_WRITE, and a write
 * SPORE_READ. */
struct spore_stream_ops {
	uint32_t struct_size;
	uint32_t reserved;

	/* Continues the handshake. Returns
	 *  - SPORE_OK: done,
	 *  - SPORE_EAGAIN: the host calls again when *want is ready,
	 *  - SPORE_EPENDING: the host calls again after host->complete_handshake(ticket),
	 *  - another value: failed, and error() has the reason. The streams below have finished
	 *    their handshakes. If the last call leaves bytes to send, the host flushes them,
	 *    together with its own first bytes if it has any. */
	spore_status (*handshake)(spore_stream *, uint32_t *want, spore_ticket);

	/* Return the number of bytes moved (> 0), SPORE_EAGAIN with *want, or an error
	 * (SPORE_ECLOSED for a reset). readv() returns 0 at the clean end of the stream. Partial
	 * transfers are normal. The host may pass another buffer when it repeats a call after
	 * SPORE_EAGAIN. */
	int64_t (*readv)(spore_stream *, const spore_iov *, uint32_t n, uint32_t *want);
	int64_t (*writev)(spore_stream *, const spore_iov *, uint32_t n, uint32_t *want);
	/* Sends bytes that writev() accepted and has kept. The host calls it after the last
	 * writev() of a turn of the event loop, before it uses another stream. A buffer that all
	 * streams of a worker share is therefore empty between streams. Returns SPORE_OK,
	 * SPORE_EAGAIN with *want (the stream keeps the rest and the host calls again), or an
	 * error. Optional. */
	spore_status (*flush)(spore_stream *, uint32_t *want);
	/* The number of bytes that readv() can return although the descriptor is not readable.
	 * Optional; the default is 0. */
	size_t (*pending)(spore_stream *);

	/* Sends the end of the stream (half-close) after all written bytes. Returns SPORE_OK,
	 * SPORE_EAGAIN with *want, or an error. Reading remains possible. */
	spore_status (*shutdown)(spore_stream *, uint32_t *want);
	/* Closes and frees this stream AND the stream below. SPORE_CLOSE_FIN closes in order;
	 * SPORE_CLOSE_RST makes the peer see a reset. Cannot fail. The host may call it at any
	 * time, also before the handshake. */
	void (*close)(spore_stream *, uint32_t how);

	/* The descriptor to poll: that of the lowest stream. */
	int (*fd)(spore_stream *);
	/* The directions (SPORE_READ | SPORE_WRITE) in which fd() carries the application's bytes
	 * unchanged from now on. In these directions the host may splice instead of calling readv()
	 * or writev(). The host asks once, after the handshake and when pending() is 0. Optional;
	 * the default is none. */
	uint32_t (*raw)(spore_stream *);

	/* Facts for host->conn_attr(). Returns 1 and sets *out, or returns 0, and the host asks the
	 * stream below. *out is valid until the next call into the stream. Optional. */
	uint32_t (*attr)(spore_stream *, const char *key, size_t index, spore_str *out);
	/* Why the last call failed, as one line for the operator. Valid until the next call.
	 * Optional. */
	const char *(*error)(spore_stream *);
};
SPORE_GROWABLE(spore_stream_ops, error);

typedef struct spore_wrap_args {
	uint32_t struct_size;
	uint32_t role;       /* SPORE_ROLE_SERVER (accepted) or SPORE_ROLE_CLIENT (connected) */
	spore_stream *lower; /* on success the upper stream owns it; on failure the host does */
	spore_conn *conn;    /* RETAINED until the stream is closed */
	const spore_addr *peer;
	const char *server_name; /* client: the server's name as configured; server: NULL */
} spore_wrap_args;
SPORE_GROWABLE(spore_wrap_args, server_name);

/* SPORE_TRANSPORTF_SECURE: the transport is confidential and authenticated, so secrets may be sent
 * over it. See also SPORE_ATTR_INSECURE. */
enum { SPORE_TRANSPORTF_SECURE = 1 };

typedef struct spore_transport_ops {
	uint32_t struct_size;
	uint32_t flags; /* SPORE_TRANSPORTF_* */
	/* Puts a stream on args->lower. A transport that adds nothing may return `lower`. */
	spore_status (*wrap)(void *state, const spore_wrap_args *, spore_stream **upper_out);
	/* The keys that attr() of its streams may know, NULL-terminated. The host copies these
	 * facts for plugins that ask from another thread. May be NULL. */
	const char *const *attr_keys;
} spore_transport_ops;
SPORE_GROWABLE(spore_transport_ops, attr_keys);

#ifdef __cplusplus
}
#endif
#endif
