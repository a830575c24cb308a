/* spore/auth.h - authentication.
 * SPDX-License-Identifier: MIT
 *
 * The server sends {"Challenge":UUID} and the client answers {"Authenticate":ANSWER}: once on the
 * control connection, and again on every data connection. The host asks the instances in the order
 * of the configuration. ALLOW and DENY end the chain, NEXT goes on to the next instance, and NEXT
 * from the last instance denies. An error (SPORE_E*) is counted separately and then handled as the
 * option "on_error" of the instance says: "deny" (the default) or "next".
 *
 * Only the instance that allowed a tunnel verifies the tunnel's data connections. The request then
 * has the session value that the instance returned for the tunnel. Ask a remote back-end once per
 * tunnel, and verify data connections with what you stored.
 *
 * A reload verifies each open tunnel again: the new instances get the challenge and the answer of
 * the tunnel's control connection (purpose CONTROL, session 0). An instance must therefore accept
 * the same answer again. ALLOW moves the tunnel to the new instance, which verifies its data
 * connections from then on. DENY closes the tunnel. If no instance can decide, the tunnel stays
 * with its old instance.
 */
#ifndef SPORE_AUTH_H
#define SPORE_AUTH_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The longest answer, in bytes. A frame of the protocol has at most 256. */
#define SPORE_AUTH_ANSWER_MAX 232
/* The longest identity, in bytes. An identity is UTF-8 without control characters (U+0000 to
 * U+001F, U+007F to U+009F) and without U+FEFF. It may be empty: a client without a name. */
#define SPORE_IDENTITY_MAX 255
/* The most port ranges of one grant. No set of ports needs more. */
#define SPORE_AUTH_PORTS_MAX 32768

/* The purpose of a request: a control connection or a data connection. */
enum { SPORE_AUTH_CONTROL = 1, SPORE_AUTH_DATA = 2 };

/* What an instance needs from a client: no Challenge, a plain answer, or an answer that may be
 * bound to the transport's session (channel_binding). The host shows BINDS to the client by the
 * version of the challenge's UUID: 8 if an instance of the chain binds and the connection has a
 * channel binding, otherwise 4. An attacker in between cannot hide this offer, because the answer
 * depends on the challenge. */
enum { SPORE_CHALLENGE_NONE = 0, SPORE_CHALLENGE_PLAIN = 1, SPORE_CHALLENGE_BINDS = 2 };

typedef struct spore_auth_request {
	uint32_t struct_size;
	uint32_t purpose;      /* SPORE_AUTH_CONTROL or SPORE_AUTH_DATA */
	uint8_t challenge[16]; /* the bytes of the UUID; zero if no Challenge was sent */
	spore_str answer;      /* what the client sent; empty if no Challenge was sent */
	const spore_addr *peer, *local;
	const spore_conn *conn;    /* for host->conn_attr() */
	spore_str channel_binding; /* the transport's channel binding (RFC 9266), or empty */
	uint64_t session;          /* DATA: the session value of the tunnel; else 0 */
	int64_t deadline_ms;       /* on the clock of host->now_ms(); then the host denies */
	uint32_t secure;           /* 1: the transport is confidential and authenticated */
	uint32_t reserved;
} spore_auth_request;
SPORE_GROWABLE(spore_auth_request, reserved);

/* Bits of spore_auth_result.fields. Without its bit, a field must be 0, and the host's default
 * holds. An unknown bit is an error, since a limit must not be ignored: before you use a bit that
 * is newer than your SPORE_MIN_MINOR, compare host->abi_minor. */
enum {
	SPORE_AUTH_F_PORTS = 1 << 0,
	SPORE_AUTH_F_MAX_TUNNELS = 1 << 1,
	SPORE_AUTH_F_MAX_CONNS = 1 << 2,
	SPORE_AUTH_F_LIFE = 1 << 3
};

typedef struct spore_auth_result {
	uint32_t struct_size; /* a larger size is fine: the host ignores what it does not know */
	uint32_t fields;      /* SPORE_AUTH_F_* */
	/* The client's name in logs, metrics and quotas, such as "alice": SPORE_IDENTITY_MAX. */
	spore_str identity;
	spore_str reason; /* for the operator, never sent to the client; cut after 512 bytes */
	/* Chosen by the plugin. The host passes it back with data connections and to session_end().
	 * Tunnels with the same session value have the same owner. */
	uint64_t session;
	/* The public ports that the client may use: at most SPORE_AUTH_PORTS_MAX ranges, each with
	 * 1 <= lo <= hi. They may overlap. No range: no port. */
	const spore_port_range *ports;
	size_t n_ports;
	/* At a time, over all tunnels of the session value. 0: none. */
	uint32_t max_tunnels, max_conns;
	/* The host closes a tunnel this long after it was opened, or after auth_revalidate()
	 * renewed it. A reload does not extend this time. 0: at once; never negative. */
	int64_t life_ms;
} spore_auth_result;
SPORE_GROWABLE(spore_auth_result, life_ms);

typedef struct spore_answer_request {
	uint32_t struct_size;
	uint32_t purpose; /* SPORE_AUTH_CONTROL or SPORE_AUTH_DATA */
	uint8_t challenge[16];
	const char *server_name; /* host name or address, as configured */
	const spore_addr *server;
	const spore_conn *conn;
	spore_str channel_binding;
	int64_t deadline_ms;
	uint32_t secure, reserved;
} spore_answer_request;
SPORE_GROWABLE(spore_answer_request, reserved);

/* Accounting data of one tunnel, for the time during which this instance was responsible for it.
 * After a reload, this is shorter than the tunnel's whole life. */
typedef struct spore_session_end {
	uint32_t struct_size;
	uint32_t port; /* the tunnel's public port */
	uint64_t session;
	spore_str identity;
	/* From visitors to the client, and back. Connections that are still open are counted up to
	 * about a second ago. */
	uint64_t bytes_up, bytes_down;
	uint64_t conns;  /* the number of visitors */
	int64_t life_ms; /* how long this instance was responsible */
} spore_session_end;
SPORE_GROWABLE(spore_session_end, life_ms);

/* verify() and answer() may block. The host calls them on its thread pool, with the INSTANCE
 * instead of the worker's state, and completes the ticket with the value that they return, unless
 * they completed it themselves. Each instance has a limited number of threads and a limited queue.
 * A full queue counts as SPORE_EBUSY. */
enum { SPORE_AUTHF_BLOCKING = 1 };

typedef struct spore_auth_ops {
	uint32_t struct_size;
	uint32_t flags; /* SPORE_AUTHF_* */

	/* SERVER. Verifies one answer. Returns
	 *  - SPORE_ALLOW, SPORE_DENY or SPORE_NEXT,
	 *  - a SPORE_E* if it cannot decide, or
	 *  - SPORE_EPENDING, and passes the verdict, with details, to host->complete_verify(ticket,
	 *    ...) before or after it returns. If the ticket has been completed, the returned value
	 *    is ignored. The request is valid until return. Mandatory on a server. [worker], or
	 *    [blocking] with SPORE_AUTHF_BLOCKING */
	int32_t (*verify)(void *state, const spore_auth_request *, spore_ticket);
	/* CLIENT. Answers a challenge. Calls host->complete_answer(ticket, ...) now or later and
	 * returns SPORE_EPENDING, or returns a SPORE_E*. Mandatory on a client. [worker], or
	 * [blocking] with SPORE_AUTHF_BLOCKING */
	spore_status (*answer)(void *state, const spore_answer_request *, spore_ticket);
	/* The host no longer needs a pending ticket: the peer left, the deadline passed, or the
	 * instance stops. Completing the ticket now returns SPORE_ESTALE. Optional. [worker] */
	void (*cancel)(void *state, spore_ticket);
	/* SERVER. A tunnel that this instance allowed was closed, or a reload moved it to another
	 * instance. Optional. [worker] */
	void (*session_end)(void *state, const spore_session_end *);
	/* Returns a SPORE_CHALLENGE_*. NONE: this instance needs no answer, because it verifies a
	 * certificate, for example. The server sends a Challenge if any instance of the chain needs
	 * one. Optional; the default is PLAIN. [main] */
	uint32_t (*needs_challenge)(void *instance);
} spore_auth_ops;
SPORE_GROWABLE(spore_auth_ops, needs_challenge);

/* CLIENT. True if the server that sent this challenge accepts bound answers. */
static inline uint32_t spore_challenge_binds(const uint8_t challenge[16])
{
	return challenge[6] >> 4 == 8;
}

#ifdef __cplusplus
}
#endif
#endif
