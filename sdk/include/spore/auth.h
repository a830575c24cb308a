/* spore/auth.h - authentication.
 * SPDX-License-Identifier: MIT
 *
 * The server sends {"Challenge":UUID} and the client answers {"Authenticate":ANSWER}: once on the
 * control connection, and again on every data connection. The host asks the instances in the order
 * of the configuration. ALLOW and DENY end the chain, NEXT goes on to the next instance, and NEXT
 * from the last instance denies. UNBOUND is a NEXT that says why (base.h). An error (SPORE_E*) is
 * counted separately. Then the instance's option "on_error" decides: "deny" (the default), "next",
 * or "last_good", which lets in again whom the instance has let in before (see recheck).
 *
 * Only the instance that allowed a tunnel verifies the tunnel's data connections. Such a request
 * has the session value that the instance returned for the tunnel. Ask a remote back-end once per
 * tunnel, and verify data connections with what you stored.
 *
 * A reload asks the new instances about the client of each open tunnel, with the purpose RENEW and
 * the challenge and the answer of the tunnel's control connection. ALLOW moves the tunnel to the
 * new instance, which verifies its data connections from then on. DENY closes the tunnel. If no
 * instance can decide, the tunnel stays with its old instance, and the host asks again: first after
 * about a second, then after twice as long each time, up to a minute. A worker asks about a few
 * tunnels at a time, the oldest first.
 *
 * Most plugins handle RENEW like CONTROL: they verify the answer again. A plugin that accepts an
 * answer only once cannot do that. It decides by what the request says: which instance allowed the
 * client, and with which session and identity. If same_instance is 1, this instance has chosen
 * them, and ALLOW is right as long as this identity may still have a tunnel. If it is 0, another
 * instance has chosen them, under rules that this plugin does not know, and they prove nothing
 * here. Then verify the answer, or leave the decision to the next instance.
 *
 * A plugin whose answers hold a secret, such as a password, sets SPORE_AUTHF_RENEWS_BY_SESSION.
 * Then the host wipes the answer as soon as an instance of this plugin has allowed the client, and
 * RENEW comes with an empty answer. Choose a session value that stands for all that the answer has
 * proved.
 *
 * Each ALLOW for a control connection has exactly one end: see session_end.
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
/* The longest verifier, in bytes: see spore_auth_result. */
#define SPORE_AUTH_VERIFIER_MAX 256
/* The most port ranges of one grant. No set of ports needs more. */
#define SPORE_AUTH_PORTS_MAX 32768
#define SPORE_AUTH_HOSTS_MAX 1024

/* The purpose of a request: a control connection, a data connection, or the control connection of
 * an open tunnel after a reload. */
enum { SPORE_AUTH_CONTROL = 1, SPORE_AUTH_DATA = 2, SPORE_AUTH_RENEW = 3 };

/* What an instance needs from a client: nothing, a plain answer, or an answer that may be bound to
 * the transport's session (channel_binding). The host offers bound answers to the client
 * (SPORE_OFFER_BINDS) if an instance of the chain returns BINDS and the connection has a channel
 * binding. */
enum { SPORE_CHALLENGE_NONE = 0, SPORE_CHALLENGE_PLAIN = 1, SPORE_CHALLENGE_BINDS = 2 };

/* What a server offers to its clients. Its Challenge carries the offers. The Challenge of a Spore
 * server is a UUID of version 8 (RFC 9562). The 12 bits behind the version (custom_b: the low half
 * of byte 6, then byte 7) are a set of the bits below; the other 110 bits are random. A UUID of
 * another version, such as bore's 4, offers nothing. A server sends unused bits as 0, and a client
 * ignores bits that it does not know. An attacker in between cannot add or hide an offer, because
 * the answer depends on the whole UUID. */
enum {
	SPORE_OFFER_BINDS = 1 << 0, /* the server accepts bound answers */
	SPORE_OFFER_ABOUT = 1 << 1, /* the server reads what a client says before Hello */
	/* An instance of the chain accepts a signature by the client's private key. */
	SPORE_OFFER_SIGNATURES = 1 << 2,
	/* An instance of the chain accepts a password. Offered on secure connections only. */
	SPORE_OFFER_PASSWORDS = 1 << 3
};

/* A part of needs_challenge()'s value: the forms of answers that the instance accepts besides
 * bore's. They are SPORE_OFFER_SIGNATURES and SPORE_OFFER_PASSWORDS. The host ignores other
 * bits. */
#define SPORE_CHALLENGE_ACCEPTS(offers) ((uint32_t)(offers) << 16)

/* Bits of spore_client_info.known. */
enum {
	SPORE_CLIENT_PORT = 1 << 0, /* the client has asked for a port, so `port` is valid */
	SPORE_CLIENT_ABOUT = 1 << 1 /* the client has said something about itself */
};

/* What a client says about itself and its tunnel. These are CLAIMS: any client that can
 * authenticate can say anything, and the answer to the Challenge does not cover them. Use them to
 * restrict a client further, to choose a policy among those that its identity may have, and to
 * inform the operator; never as an identity. The texts have at most 1 KiB in all. They are UTF-8
 * without control characters, but may have any other character: escape them where you write them.
 *
 * A Spore client says at least its version, to a server that sent a Challenge. bore's clients say
 * nothing but the port. If the chain needs no Challenge, a Spore client says everything only after
 * its tunnel has opened: verify() finds no SPORE_CLIENT_ABOUT, but session_end() does. */
typedef struct spore_client_info {
	uint32_t struct_size;
	uint32_t known;          /* SPORE_CLIENT_* */
	uint32_t port, reserved; /* the public port that it asks for; 0: any */
	spore_str name;          /* of the tunnel; empty: it has not said */
	spore_str version;       /* such as "spore/1.0.0"; empty: it has not said */
	const spore_str *hosts;  /* host names that it asks for; compare them without case */
	size_t n_hosts;
	const spore_kv *tags; /* a key comes once */
	size_t n_tags;
} spore_client_info;
SPORE_GROWABLE(spore_client_info, n_tags);

typedef struct spore_auth_request {
	uint32_t struct_size;
	uint32_t purpose;      /* SPORE_AUTH_* */
	uint8_t challenge[16]; /* the bytes of the UUID; zero if no Challenge was sent */
	/* What the client sent. Empty if no Challenge was sent, or the host has wiped it. */
	spore_str answer;
	const spore_addr *peer, *local;
	const spore_conn *conn;    /* for host->conn_attr() */
	spore_str channel_binding; /* the transport's channel binding (RFC 9266), or empty */
	uint64_t session;          /* DATA, RENEW: the session value of the tunnel; else 0 */
	int64_t deadline_ms;       /* when the host denies, on the clock of host->now_ms() */
	uint32_t secure;           /* 1: the transport is confidential and authenticated */
	/* RENEW: 1 if an instance with the name of this one, of the same plugin and component,
	 * allowed the client. 0: another one did, whose session and identity mean nothing here. */
	uint32_t same_instance;
	/* RENEW: the identity that the client was given, and the name of the instance that gave it;
	 * both are empty if the client was let in without authentication. Other purposes: empty. */
	spore_str identity, allowed_by;
	/* What the client says. Never NULL. `known` is 0 with DATA, and with CONTROL if the client
	 * waits for the verdict before it asks for a port. */
	const spore_client_info *client;
	/* RENEW: how much of life_ms has passed, which is the time since the tunnel was opened, or
	 * since auth_revalidate() renewed it. Other purposes: 0. If a client's access ends at a
	 * certain time, return as life_ms the sum of age_ms and the time that is left. */
	int64_t age_ms;
} spore_auth_request;
SPORE_GROWABLE(spore_auth_request, age_ms);

/* Bits of spore_auth_result.fields. Without its bit, a field must be 0, and the host's default
 * holds. An unknown bit is an error, since a limit must not be ignored: before you use a bit that
 * is newer than your SPORE_MIN_MINOR, compare host->abi_minor. */
enum {
	SPORE_AUTH_F_PORTS = 1 << 0,
	SPORE_AUTH_F_MAX_TUNNELS = 1 << 1,
	SPORE_AUTH_F_MAX_CONNS = 1 << 2,
	SPORE_AUTH_F_LIFE = 1 << 3,
	SPORE_AUTH_F_RATE_UP = 1 << 4,
	SPORE_AUTH_F_RATE_DOWN = 1 << 5,
	SPORE_AUTH_F_BYTES_PER_DAY = 1 << 6,
	SPORE_AUTH_F_BYTES_PER_MONTH = 1 << 7,
	SPORE_AUTH_F_VISITORS_PER_SECOND = 1 << 8,
	SPORE_AUTH_F_HOSTS = 1 << 9,
	SPORE_AUTH_F_SHARE = 1 << 10
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
	/* How many tunnels and visitors there may be at a time, over all tunnels of the session
	 * value. 0: none. */
	uint32_t max_tunnels, max_conns;
	/* The host closes a tunnel this long after it was opened, or after auth_revalidate()
	 * renewed it. The same value with RENEW therefore neither extends nor shortens this time:
	 * see age_ms. 0: at once; never negative. */
	int64_t life_ms;
	/* What recheck() needs to check a later answer of this client without the back-end: at most
	 * SPORE_AUTH_VERIFIER_MAX bytes, which only the plugin understands. Empty: none. If the
	 * operator has set "last_good", the host keeps it with this result, in memory only. In any
	 * case the host wipes it. The same proof must give the same bytes. With DATA, the verifier
	 * says that the back-end has just confirmed these bytes. */
	spore_str verifier;
	/* A number that recheck() can compute from an answer, such as a hash of the name in it, so
	 * that few verifiers must be tried. 0: the answer does not say whose it is. Of one identity
	 * and one hint, the host keeps only the last verifier. */
	uint64_t verifier_hint;
	/* The longest time that the verifier may be used, from now on. 0: as the operator says;
	 * never negative. */
	int64_t verifier_life_ms;
	/* The limits below hold for all tunnels of the identity together, whichever instance has
	 * allowed them. If its tunnels come with different limits, the last ones hold. An identity
	 * without its own limit has the one of the option with the same name in the server's
	 * section "limits". */
	/* Bytes per second from visitors to services, and back. Never 0. All visitors of the
	 * identity get the same share. */
	uint64_t rate_up, rate_down;
	/* Bytes in both directions, in a day and in a month of UTC. When they are used up, the
	 * connections of its visitors end as soon as they carry more, and new ones are refused. 0:
	 * none. */
	uint64_t bytes_per_day, bytes_per_month;
	/* How many new visitors are let in per second; as many at once. 0: none. */
	uint32_t visitors_per_second, reserved;
	/* 1: tunnels of one owner, which is one session value of the instance, may share one public
	 * port, and each visitor goes to one of them. 0: they may not. Without SPORE_AUTH_F_SHARE,
	 * the option "share" in the server's section "server" decides. */
	uint32_t share, reserved_2;
	/* The host names that the client's tunnels may have on ports that several tunnels share: at
	 * most SPORE_AUTH_HOSTS_MAX texts. Each is a name, "*." and a name for all names that end
	 * in it, or "*" for all names. No text, or no bit: no name. */
	const char *const *hosts;
	size_t n_hosts;
} spore_auth_result;
SPORE_GROWABLE(spore_auth_result, n_hosts);

/* A verifier that the host holds, and what came with it in the result of verify(). */
typedef struct spore_verifier {
	uint32_t struct_size, reserved;
	spore_str bytes;
	spore_str identity;
	uint64_t session;
} spore_verifier;
SPORE_GROWABLE(spore_verifier, session);

/* The verifiers that recheck() may try. */
typedef struct spore_held {
	uint32_t struct_size, reserved;
	/* Returns the next verifier with this hint, the most recent first, or NULL. With DATA, only
	 * those of the tunnel's session. The verifier is valid until the next call, and until
	 * recheck() returns. [worker] */
	const spore_verifier *(*next)(const struct spore_held *, uint64_t hint);
} spore_held;
SPORE_GROWABLE(spore_held, next);

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

/* Why an ALLOW has ended. Treat a value that you do not know like CLOSED. */
enum {
	/* The client has left or is lost. Without a port: it left before it had a tunnel, or its
	 * connection carries a visitor. */
	SPORE_END_CLOSED = 1,
	/* The host has used the ALLOW for nothing: it refused the tunnel (port, limit, wrong frame,
	 * too late), or it needs the verdict no longer. */
	SPORE_END_REFUSED = 2,
	/* A reload has moved the tunnel to another instance, whose ALLOW has an end of its own; or
	 * the server goes on without authentication. */
	SPORE_END_MOVED = 3,
	/* A plugin has denied the client since: with auth_revalidate(), or after a reload. */
	SPORE_END_REVOKED = 4,
	SPORE_END_KICKED = 5,  /* the operator has closed the tunnel */
	SPORE_END_EXPIRED = 6, /* life_ms is over */
	SPORE_END_SHUTDOWN = 7 /* the server ends */
};

/* The end of one ALLOW, and what its tunnel has used while this instance was responsible for it.
 * After a reload, this is less than in the tunnel's whole life. */
typedef struct spore_session_end {
	uint32_t struct_size;
	uint32_t reason;     /* SPORE_END_* */
	spore_ticket ticket; /* of the verify() that allowed it: different for each ALLOW */
	uint64_t session;    /* 0 if the ALLOW came without a result */
	spore_str identity;
	uint32_t port; /* the tunnel's public port; 0: no tunnel was opened */
	uint32_t reserved;
	/* From visitors to the client, and back. Connections that are still open are counted up to
	 * about a second ago. */
	uint64_t bytes_up, bytes_down;
	uint64_t conns;  /* the number of visitors */
	int64_t life_ms; /* since the ALLOW */
	/* What the client has said; never NULL. `known` is 0 if the client left before the ALLOW
	 * arrived. */
	const spore_client_info *client;
} spore_session_end;
SPORE_GROWABLE(spore_session_end, client);

enum {
	/* verify() and answer() may block. The host calls them on its thread pool, with the
	 * INSTANCE instead of the worker's state. It completes the ticket with the value that they
	 * return, unless they have completed it themselves. Each instance has a limited number of
	 * threads and a limited queue. A full queue counts as SPORE_EBUSY. */
	SPORE_AUTHF_BLOCKING = 1,
	/* If same_instance is 1, verify() decides RENEW by the session and the identity, without an
	 * answer. So the host wipes the answer of a client that this instance has allowed. Another
	 * instance that is asked to renew that verdict gets no answer either. */
	SPORE_AUTHF_RENEWS_BY_SESSION = 2
};

typedef struct spore_auth_ops {
	uint32_t struct_size;
	uint32_t flags; /* SPORE_AUTHF_* */

	/* SERVER. Verifies one answer. Returns
	 *  - SPORE_ALLOW, SPORE_DENY, SPORE_NEXT or SPORE_UNBOUND,
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
	 * instance stops. Completing the ticket now returns SPORE_ESTALE. Not called for a ticket
	 * that has been completed. Optional. [worker] */
	void (*cancel)(void *state, spore_ticket);
	/* SERVER. An ALLOW of this instance has ended. The host calls this exactly once for each
	 * ALLOW that it has got for CONTROL or RENEW, whatever becomes of the client, and never for
	 * DATA. The host has got an ALLOW if verify() returned it, if complete_verify() returned
	 * SPORE_OK for it, or as recheck() says. If complete_verify() returned any other status,
	 * such as SPORE_ESTALE, it has not. So this is also called
	 *  - if the client left between complete_verify() and the delivery of the verdict,
	 *  - if a blocking verify() returns ALLOW after its ticket became stale, and
	 *  - for each tunnel that stands when the instance ends.
	 * It runs on the worker on which verify() was asked (the one of the ticket), before that
	 * worker's worker_stop(), and never inside complete_verify(). A blocking verify() that has
	 * completed its ticket itself may still be running. A plugin that keeps a record per ALLOW
	 * finds it by the ticket, since several ALLOWs may have the same session. Optional.
	 * [worker] */
	void (*session_end)(void *state, const spore_session_end *);
	/* Returns a SPORE_CHALLENGE_*, perhaps combined with SPORE_CHALLENGE_ACCEPTS(). NONE: this
	 * instance needs no answer, because it verifies a certificate, for example. The server
	 * sends a Challenge if any instance of the chain needs one. Optional; the default is
	 * PLAIN. [main] */
	uint32_t (*needs_challenge)(void *instance);
	/* SERVER. Returns 1 if verify() may let a client in under this identity, 0 if it never
	 * will. When the host has created the instance, it asks about the identities that options
	 * name (SPORE_OPTF_IDENTITY), and warns of one that no instance of the chain knows.
	 * Optional: leave it out if only a back-end knows. [main] */
	int32_t (*has_identity)(void *instance, spore_str identity);
	/* SERVER. Checks an answer without the back-end. It uses the verifier of an earlier ALLOW
	 * of this instance, or of the instance before a reload if that had the same configuration.
	 * It calls held->next() until a verifier accepts the answer by the rules of verify()
	 * (binding, security of the connection, purpose), and then returns SPORE_ALLOW. The
	 * verifier that held->next() has returned last is the one that counts. If no verifier
	 * accepts the answer, it returns SPORE_NEXT. It must not block, and must not ask the
	 * back-end.
	 *
	 * The host calls it for CONTROL and DATA if the operator has set "on_error": "last_good":
	 *  - after verify() could not decide. ALLOW lets the client in with the result that came
	 *    with the verifier, so its session must still mean the same. `ticket` is a new number,
	 *    which cannot be completed. With CONTROL, this ALLOW is one like any other, whose
	 *    session_end() has this ticket.
	 *  - after verify() returned DENY or NEXT, with the ticket 0. ALLOW drops the verifier, and
	 *    does not let the client in.
	 * spore/verifier.h has ready verifiers. Optional; without it, "last_good" is a mistake in
	 * the configuration. It gets the worker's state, also with SPORE_AUTHF_BLOCKING.
	 * [worker] */
	int32_t (*recheck)(void *state, const spore_auth_request *, spore_ticket,
	                   const spore_held *);
	/* SERVER. Returns 1 if verify() returns NEXT for no client, else 0. The host asks when it
	 * has created the instance. It warns of each instance behind this one in the chain, since
	 * it will never ask that one. Optional; the default is 0. [main] */
	int32_t (*decides_all)(void *instance);
} spore_auth_ops;
SPORE_GROWABLE(spore_auth_ops, decides_all);

/* CLIENT. What the server that sent this challenge offers: SPORE_OFFER_* bits, and perhaps bits of
 * later versions of the SDK. */
static inline uint32_t spore_challenge_offers(const uint8_t challenge[16])
{
	return challenge[6] >> 4 == 8 ? (challenge[6] & 0x0Fu) << 8 | challenge[7] : 0;
}

/* CLIENT. 1 if the server that sent this challenge accepts bound answers. */
static inline uint32_t spore_challenge_binds(const uint8_t challenge[16])
{
	return spore_challenge_offers(challenge) & SPORE_OFFER_BINDS;
}

#ifdef __cplusplus
}
#endif
#endif
