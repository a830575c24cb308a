/* spore/transport.h - byte-stream transports, such as TLS.
 * SPDX-License-Identifier: MIT
 *
 * A transport puts an upper stream on a lower stream. Both have the same operations, so transports
 * can be stacked. The first entry of the configuration is nearest to the socket. The lowest stream
 * is the host's own, over the socket. Every function here is [worker]: a stream stays on one
 * worker, unless the host moves it with detach() and attach().
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
/* A stream that has this attribute, with any value, is not secure, even if its transport has
 * SPORE_TRANSPORTF_SECURE. Use it for a stream whose peer was not verified, for example. The host
 * asks once, after all handshakes. */
#define SPORE_ATTR_INSECURE "transport.insecure"
/* A stream that has this attribute, with any value, must not get another user: what its transport
 * has verified at its start does not hold any more, since a certificate has expired, for example.
 * The host asks each time before it gives the connection to the next visitor. */
#define SPORE_ATTR_STALE "transport.stale"
/* A stream has this attribute, with any value, if its peer would be refused by now because a
 * certificate of it has expired, for example. A server asks at each reload, and ends the tunnels of
 * such connections. */
#define SPORE_ATTR_EXPIRED "transport.expired"

enum { SPORE_CLOSE_FIN = 1, SPORE_CLOSE_RST = 2 };

enum { SPORE_ATTR_MAX_VALUES = 256, SPORE_ATTR_MAX_LEN = 65536 };

typedef struct spore_stream_ops spore_stream_ops;
/* FROZEN. An implementation embeds it as the first member of its own struct. */
typedef struct spore_stream {
	const spore_stream_ops *ops;
} spore_stream;

/* What attach() gets. */
typedef struct spore_attach_args {
	uint32_t struct_size;
	uint32_t reserved;
	void *state; /* of the instance on the new worker: replaces the state that wrap() got */
} spore_attach_args;
SPORE_GROWABLE(spore_attach_args, state);

/* The host calls the topmost stream only, except for handshake(), detach() and attach(). Each
 * stream calls the stream below it: flush() must also flush that, pending() must count its bytes,
 * too, and a handshake must flush what it wrote there. A function that is not marked optional is
 * mandatory; the host refuses a plugin without it. No function may block.
 *
 * READINESS  A function that returns SPORE_EAGAIN sets *want to SPORE_READ or SPORE_WRITE: the
 *            readiness of the descriptor that the call needs before it can continue. A read may
 *            want SPORE_WRITE, and a write SPORE_READ. The host repeats the call when the
 *            descriptor is ready, or after host->conn_wake(). If the descriptor has an error or the
 *            peer has hung up, it counts as ready for both: the host repeats the calls that wait,
 *            and the lower stream's readv() or writev() reports the cause. While no call waits, the
 *            host does not watch the descriptor, and a hang-up shows in the next call.
 * RESULTS    A result that is not allowed ends this connection with a reset, and the log names the
 *            transport. Such results are more bytes than the buffers hold, a positive status, a
 *            negative value that is no SPORE_E*, and SPORE_EAGAIN without a valid *want. The host
 *            checks every stream of a stack, so the stream below never returns such a result.
 * PROGRESS   SPORE_EAGAIN and pending() are promises. The host also ends a connection whose calls
 *            keep a worker busy without progress. These are calls for which the descriptor was
 *            ready, or bytes were pending, but that moved no byte and made pending() no smaller.
 *            A thousand of them in a second are too many.
 *
 * After an error, all later calls of the same direction return an error, too. */
struct spore_stream_ops {
	uint32_t struct_size;
	uint32_t reserved;

	/* Continues the handshake. Returns
	 *  - SPORE_OK: done,
	 *  - SPORE_EAGAIN: the host calls again when *want is ready,
	 *  - SPORE_EPENDING: the host calls again after host->complete_handshake(ticket),
	 *  - another SPORE_E*: failed, and error() has the reason.
	 * The streams below have already finished their handshakes. If the last call leaves bytes
	 * to send, the host flushes them, together with its own first bytes if it has any. */
	spore_status (*handshake)(spore_stream *, uint32_t *want, spore_ticket);

	/* Return the number of bytes moved (> 0), SPORE_EAGAIN with *want, or another SPORE_E*
	 * except SPORE_EPENDING (SPORE_ECLOSED for a reset). readv() returns 0 at the clean end of
	 * the stream. Partial transfers are normal. The host may pass another buffer when it
	 * repeats a call after SPORE_EAGAIN. */
	int64_t (*readv)(spore_stream *, const spore_iov *, uint32_t n, uint32_t *want);
	int64_t (*writev)(spore_stream *, const spore_iov *, uint32_t n, uint32_t *want);
	/* Sends bytes that writev() accepted and has kept. The host calls it after the last
	 * writev() of a turn of the event loop, before it uses another stream. So a buffer that all
	 * streams of a worker share is empty whenever the host changes to another stream. Returns
	 *  - SPORE_OK,
	 *  - SPORE_EAGAIN with *want: the stream keeps the rest, and the host calls again,
	 *  - another SPORE_E* except SPORE_EPENDING.
	 * Optional. */
	spore_status (*flush)(spore_stream *, uint32_t *want);
	/* The number of bytes that readv() can return although the descriptor is not readable.
	 * Optional; the default is 0. */
	size_t (*pending)(spore_stream *);

	/* Sends the end of the stream (half-close) after all written bytes. Returns as flush().
	 * Reading remains possible. */
	spore_status (*shutdown)(spore_stream *, uint32_t *want);
	/* Closes and frees this stream AND the stream below. Cannot fail. The host may call it at
	 * any time, also before the handshake.
	 *
	 * SPORE_CLOSE_FIN closes in order. If the handshake is done and the stream has not failed,
	 * it writes to the stream below: first what writev() or shutdown() has kept, then its own
	 * end, such as a close alert, unless shutdown() has written that. In any case it then
	 * closes the stream below with SPORE_CLOSE_FIN. It does not wait: what the stream below
	 * does not accept now is lost. The host calls shutdown() first where the last bytes matter.
	 *
	 * SPORE_CLOSE_RST writes nothing, drops all bytes, and closes the stream below with
	 * SPORE_CLOSE_RST, so that the peer sees a reset. */
	void (*close)(spore_stream *, uint32_t how);

	/* The directions (SPORE_READ | SPORE_WRITE) in which the descriptor carries the
	 * application's bytes unchanged from now on. They are at most those of raw() of the stream
	 * below. In these directions the host may splice instead of calling readv() or writev().
	 * The host asks once, after the handshake and when pending() is 0. Optional; the default is
	 * none. */
	uint32_t (*raw)(spore_stream *);

	/* Facts for host->conn_attr(). Returns 1 and sets *out; or returns 0, and then the host
	 * asks the stream below. *out is valid until the next call into the stream, and has at most
	 * SPORE_ATTR_MAX_LEN bytes. `index` is below SPORE_ATTR_MAX_VALUES. Optional. */
	uint32_t (*attr)(spore_stream *, const char *key, size_t index, spore_str *out);
	/* Why the last call failed, as one line for the operator. Valid until the next call. NULL:
	 * this stream has not failed, but the stream below may have. Optional. */
	const char *(*error)(spore_stream *);

	/* Move the stream to another worker, between two calls and after the handshake. Optional,
	 * but only together. If one transport of a connection lacks them, the connection stays on
	 * the worker that accepted or opened it, and serves only what that worker has, such as a
	 * data connection for one of its own tunnels.
	 *
	 * detach() runs on the old worker. The stream forgets everything that belongs to that
	 * worker: its state, timers, watchers, jobs, and buffers that its streams share. Bytes that
	 * the stream keeps move with it. Returns
	 *  - SPORE_OK,
	 *  - SPORE_EBUSY if the stream cannot move now, because a job is under way, for example:
	 *    the stream remains as it was,
	 *  - another SPORE_E*: the host ends the connection.
	 *
	 * From then on the stream belongs to no worker. The host calls only attach(), on the new
	 * worker or again on the old one, or close(), on any thread. Whatever `how` says, close()
	 * of a detached stream writes nothing; it passes `how` to the stream below.
	 *
	 * attach() returns SPORE_OK or a SPORE_E*. After a SPORE_E* the stream counts as detached,
	 * and the host closes it.
	 *
	 * The host calls each stream of the stack: detach() from the top, attach() from the bottom.
	 * Neither calls the stream below. */
	spore_status (*detach)(spore_stream *);
	spore_status (*attach)(spore_stream *, const spore_attach_args *);
};
SPORE_GROWABLE(spore_stream_ops, attach);

typedef struct spore_wrap_args {
	uint32_t struct_size;
	uint32_t role;       /* SPORE_ROLE_SERVER (accepted) or SPORE_ROLE_CLIENT (connected) */
	spore_stream *lower; /* on success the upper stream owns it; on failure the host does */
	spore_conn *conn;    /* RETAINED until the stream is closed */
	const spore_addr *peer;
	const char *server_name; /* client: the server's name as configured; server: NULL */
	/* The descriptor of the socket, or -1. The host owns and polls it. A transport may set
	 * options of the socket for its own work. For example, if raw() of `lower` has both
	 * directions, it may let the kernel encrypt. It moves bytes only through `lower`. */
	int32_t fd;
	uint32_t reserved;
	/* Newer: look with SPORE_HAS. */
	uint32_t server_port; /* client: the server's port; server: 0 */
	uint32_t reserved2;
} spore_wrap_args;
SPORE_GROWABLE(spore_wrap_args, reserved2);

/* What dial() gets. */
typedef struct spore_dial_args {
	uint32_t struct_size;
	uint32_t server_port;
	const char *server_name; /* as configured */
} spore_dial_args;
SPORE_GROWABLE(spore_dial_args, server_name);

/* Another place to connect to. */
typedef struct spore_dial_place {
	uint32_t struct_size;
	uint32_t port;    /* 1 to 65535 */
	const char *host; /* a name or an address, 1 to 255 bytes; valid until worker_stop() */
} spore_dial_place;
SPORE_GROWABLE(spore_dial_place, host);

enum {
	/* The transport is confidential and authenticated, so secrets may be sent over it. See also
	 * SPORE_ATTR_INSECURE. */
	SPORE_TRANSPORTF_SECURE = 1,
	/* The transport has no streams of its own: wrap() always returns `lower`, and stream_ops is
	 * NULL. */
	SPORE_TRANSPORTF_NO_STREAM = 2,
	/* For servers only. Each handshake of the transport that succeeds has told the host who the
	 * client is (host->conn_set_peer). Before that, the host judges nobody by the address of
	 * the socket: it asks no access list and applies no ban, and the connections of one address
	 * that wait have limits of their own. So the transport itself decides which addresses may
	 * connect. A connection of which no client was told is refused. */
	SPORE_TRANSPORTF_TELLS_PEER = 4
};

/* spore_create_args.point: the transport stands at a public port that several tunnels share. A
 * route decides by the first bytes of each connection which of them gets it (route.h). */
enum { SPORE_TRANSPORT_AT_SHARED = 1 };

typedef struct spore_transport_ops {
	uint32_t struct_size;
	uint32_t flags; /* SPORE_TRANSPORTF_* */
	/* Puts a stream on args->lower. Its `ops` must be `stream_ops`. A transport that adds
	 * nothing to this connection may return `lower`. */
	spore_status (*wrap)(void *state, const spore_wrap_args *, spore_stream **upper_out);
	/* The operations of all streams that wrap() makes. The host checks them when it loads the
	 * plugin. They must remain valid and unchanged. */
	const spore_stream_ops *stream_ops;
	/* The keys that attr() of its streams may know, NULL-terminated. List
	 * SPORE_ATTR_CHANNEL_BINDING here, too. The host copies these facts for plugins that ask
	 * from another thread, and tells auth plugins of them (spore_create_args). May be NULL. */
	const char *const *attr_keys;
	/* May a stream of this instance have a value for this key, which is one of attr_keys? 0:
	 * its options rule that out. For example, a server that asks its clients for no certificate
	 * will never know one. The host asks when it has created the instance. After a 0 it leaves
	 * the key out of what it tells auth plugins, so that one that needs the fact can report a
	 * mistake. Optional; the default is 1 for every key. [main] */
	uint32_t (*may_know)(void *instance, const char *key);
	/* CLIENT. Where does the host connect to on the way to this server? 1: to *place_out, such
	 * as a proxy, to which the streams of this transport then talk. 0: to the server itself.
	 * The host asks before each connection; a place that is not valid fails that connection. Of
	 * several transports, at most one may name a place. Optional; the default is 0. [worker] */
	uint32_t (*dial)(void *state, const spore_dial_args *, spore_dial_place *place_out);
	/* For transports with SPORE_TRANSPORTF_SECURE. May a stream of this instance be secure?
	 * 0: its options rule that out, since they switch the verification off, for example. The
	 * host tells auth plugins (spore_may_be_secure), so that one that needs a secure connection
	 * can report a mistake. Optional; the default is 1. [main] */
	uint32_t (*may_be_secure)(void *instance);
} spore_transport_ops;
SPORE_GROWABLE(spore_transport_ops, may_be_secure);

#ifdef __cplusplus
}
#endif
#endif
