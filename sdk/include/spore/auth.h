/* spore/auth.h - authentication.
 * SPDX-License-Identifier: MIT
 *
 * On the wire the server sends {"Challenge":UUID}, the client {"Authenticate":ANSWER}: on the
 * control connection, and again on every data connection. Instances are asked in the order of the
 * configuration: ALLOW and DENY end the chain, NEXT passes on, NEXT from the last one denies. A
 * failure (SPORE_E*) is counted apart and then treated as the instance's "on_error" says ("deny",
 * the default, or "next").
 *
 * A data connection is judged by the instance that allowed its tunnel, and by no other: its request
 * carries the session that this instance gave then. So a remote back-end is asked once per tunnel,
 * and data connections are verified from what is held here.
 *
 * A reload judges the tunnels that stand anew: the new instances get the challenge and the answer that
 * each client gave when it came (purpose CONTROL, session 0), so take an answer again that you took once.
 * ALLOW hands the tunnel over to the new instance, whose data connections it judges from then on; DENY
 * ends it; where nobody could decide, it stays with the instance that has it.
 */
#ifndef SPORE_AUTH_H
#define SPORE_AUTH_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A frame has at most 256 bytes, so an answer has at most so many. */
#define SPORE_AUTH_ANSWER_MAX 232

enum { SPORE_AUTH_CONTROL = 1, SPORE_AUTH_DATA = 2 };    /* purpose */

/* What an instance wants of its clients. BINDS: it takes answers that are bound to the transport's
 * session (channel_binding). The host tells a client so by the version of the challenge's UUID, which
 * is 8 if an instance of the chain binds and the connection has a binding, and 4 otherwise: whoever
 * stands between the two cannot take the offer away without changing what is answered. */
enum { SPORE_CHALLENGE_NONE = 0, SPORE_CHALLENGE_PLAIN = 1, SPORE_CHALLENGE_BINDS = 2 };

typedef struct spore_auth_request {
	uint32_t struct_size;
	uint32_t purpose;                /* SPORE_AUTH_* */
	uint8_t challenge[16];           /* the UUID's bytes; zero when none was sent */
	spore_str answer;                /* exactly what the client sent; empty when none was asked */
	const spore_addr *peer, *local;
	const spore_conn *conn;          /* for host->conn_attr() */
	spore_str channel_binding;       /* RFC 9266 bytes of the transport, or empty */
	uint64_t session;                /* DATA: what the tunnel's own verdict gave; else 0 */
	int64_t deadline_ms;             /* on host->now_ms()'s clock; after it the host denies */
	uint32_t secure;                 /* 1: the transport is confidential and authenticated */
	uint32_t reserved;
} spore_auth_request;
SPORE_GROWABLE(spore_auth_request, reserved);

/* Bits of spore_auth_result.fields; a bit that is not set leaves the host's default. */
enum {
	SPORE_AUTH_F_PORTS = 1 << 0,
	SPORE_AUTH_F_MAX_TUNNELS = 1 << 1,
	SPORE_AUTH_F_MAX_CONNS = 1 << 2,
	SPORE_AUTH_F_LIFE = 1 << 3
};

typedef struct spore_auth_result {
	uint32_t struct_size;
	uint32_t fields;                 /* SPORE_AUTH_F_* */
	spore_str identity;              /* "alice": names the client in logs, metrics and quotas */
	spore_str reason;                /* for the operator's log; never sent to the client */
	uint64_t session;                /* yours: comes back on data connections and at the end. Two
	                                    tunnels with the same one have the same owner. */
	const spore_port_range *ports;   /* public ports it may claim */
	size_t n_ports;
	uint32_t max_tunnels, max_conns; /* at once, over all tunnels of the same session value */
	int64_t life_ms;                 /* a tunnel is closed so long after it was opened, or after
	                                    auth_revalidate() renewed it; a reload lengthens nothing */
} spore_auth_result;
SPORE_GROWABLE(spore_auth_result, life_ms);

typedef struct spore_answer_request {
	uint32_t struct_size;
	uint32_t purpose;                /* SPORE_AUTH_* */
	uint8_t challenge[16];
	const char *server_name;         /* as configured: host name or address */
	const spore_addr *server;
	const spore_conn *conn;
	spore_str channel_binding;
	int64_t deadline_ms;
	uint32_t secure, reserved;
} spore_answer_request;
SPORE_GROWABLE(spore_answer_request, reserved);

/* One tunnel, for accounting: of the time for which the instance had it. After a reload that is less than
 * the tunnel's own. */
typedef struct spore_session_end {
	uint32_t struct_size;
	uint32_t port;                   /* its public port */
	uint64_t session;
	spore_str identity;
	uint64_t bytes_up, bytes_down;   /* from visitors to the client, and back; those of a relay that
	                                    goes on, as of a second ago or so */
	uint64_t conns;                  /* visitors carried */
	int64_t life_ms;                 /* how long the instance had it */
} spore_session_end;
SPORE_GROWABLE(spore_session_end, life_ms);

/* verify() and answer() may block: the host runs them on its pool with the INSTANCE in place of the
 * worker's state, and finishes the ticket with what they return or complete. Pool and queue are
 * bounded per instance; a full queue counts as SPORE_EBUSY. */
enum { SPORE_AUTHF_BLOCKING = 1 };

typedef struct spore_auth_ops {
	uint32_t struct_size;
	uint32_t flags;                  /* SPORE_AUTHF_* */

	/* SERVER. Judge one answer. Return SPORE_ALLOW, SPORE_DENY or SPORE_NEXT; or a SPORE_E* for
	 * "could not decide"; or SPORE_EPENDING and give the verdict, with details, through
	 * host->complete_verify(ticket, ...) before or after this returns. What is completed counts,
	 * whatever is returned then. The request is valid until return. Mandatory on a server. [worker], or [blocking] with SPORE_AUTHF_BLOCKING */
	int32_t (*verify)(void *state, const spore_auth_request *, spore_ticket);
	/* CLIENT. Answer a challenge: host->complete_answer(ticket, ...) now or later, and return
	 * SPORE_EPENDING; or return a SPORE_E*. Mandatory on a client. [worker], or [blocking] */
	spore_status (*answer)(void *state, const spore_answer_request *, spore_ticket);
	/* The host lost interest in a pending ticket (the peer left, the deadline passed, shutdown):
	 * completing it now yields SPORE_ESTALE. Optional. [worker] */
	void (*cancel)(void *state, spore_ticket);
	/* SERVER. A tunnel that this instance allowed has ended, or belongs to another instance since a
	 * reload. Optional. [worker] */
	void (*session_end)(void *state, const spore_session_end *);
	/* SPORE_CHALLENGE_*: NONE if this instance judges without an answer (by certificate, say). A
	 * Challenge is sent if any instance of the chain needs one. Optional: PLAIN. [main] */
	uint32_t (*needs_challenge)(void *instance);
} spore_auth_ops;
SPORE_GROWABLE(spore_auth_ops, needs_challenge);

/* CLIENT. Does the server that sent it take bound answers? */
static inline uint32_t spore_challenge_binds(const uint8_t challenge[16])
{
	return challenge[6] >> 4 == 8;
}

#ifdef __cplusplus
}
#endif
#endif
