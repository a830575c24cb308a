/* refusal - the reasons for which a server refuses a connection or ends a tunnel. One table holds
 * what the server sends, what the client does about it, and what the metrics count. Pure. [any] */
#ifndef CORE_REFUSAL_H
#define CORE_REFUSAL_H

#include <stdbool.h>
#include <stdint.h>

/* Where a refusal is counted. */
enum refusal_at { REFUSED_AT_CONTROL, REFUSED_AT_PUBLIC, REFUSED_AT_COUNT };

enum refusal {
	/* At the control port or at a public port. */
	REFUSED_ACCESS_LIST,
	REFUSED_NO_MEMORY,
	/* Before the client has authenticated. */
	REFUSED_SOURCE, /* the source is banned */
	REFUSED_CROWD,  /* too many unauthenticated connections, of one source or in all */
	REFUSED_HANDSHAKE,
	REFUSED_NO_ADDRESS, /* a proxy has told no client's address, so nobody may log in */
	REFUSED_TOO_SLOW,
	REFUSED_BAD_FRAME,
	REFUSED_LONG_FRAME,
	REFUSED_NO_SECRET,
	REFUSED_WRONG_SECRET,
	REFUSED_UNBOUND,        /* logged and counted; the client is told: wrong secret */
	REFUSED_UNKNOWN_CLIENT, /* denied without a Challenge, so no secret was wrong */
	REFUSED_TOO_MANY_TRIES,
	REFUSED_AUTH_FAILED,
	REFUSED_AUTH_TOO_SLOW,
	/* After the client has authenticated. */
	REFUSED_UNEXPECTED,
	REFUSED_UNKNOWN_CONNECTION,
	REFUSED_SENDING_BACK, /* its visitor may be an earlier process's, which does not read */
	REFUSED_NOT_OWNER,
	REFUSED_AHEAD, /* the pass is unknown, or too many connections wait */
	REFUSED_DRAINING,
	REFUSED_TOO_MANY_TUNNELS,
	REFUSED_SOURCE_TUNNELS, /* the source has as many tunnels as it may have */
	REFUSED_PORT_IN_USE,
	REFUSED_SHARE, /* the client may not share ports */
	REFUSED_PORT_NOT_ALLOWED,
	REFUSED_PORT_NOT_BOUND,
	REFUSED_NO_PORT_LEFT,
	REFUSED_HOST_NOT_ALLOWED, /* the client may not have the host name that it asks for */
	REFUSED_HOST_TAKEN,       /* another client has the host name */
	/* Visitors. */
	REFUSED_SERVER_FULL,
	REFUSED_DESCRIPTORS,  /* the server's descriptors allow no more visitors */
	REFUSED_SOURCE_FULL,  /* the source has as many visitors as it may have */
	REFUSED_SOURCE_PACE,  /* the source opens visitors too fast */
	REFUSED_HANDSHAKES,   /* too many visitors are in a handshake, of one source or in all */
	REFUSED_NO_HOST,      /* the visitor of a routed port wants no host name */
	REFUSED_UNKNOWN_HOST, /* the visitor of a routed port wants a name that no tunnel has */
	REFUSED_BAD_START,    /* the first bytes at a routed port are malformed */
	REFUSED_PENDING,      /* after a handshake: too many visitors wait for their client */
	REFUSED_CLIENT_FULL,
	REFUSED_CLIENT_PACE, /* the identity's visitors come too fast */
	REFUSED_USED_UP,     /* the identity has used all bytes of the day or month */
	REFUSED_CLIENT_STALLED,
	REFUSED_DECLINED,    /* the client cannot carry the visitor */
	REFUSED_CUT_OFF,     /* declined, after the server had turned away others of its address */
	REFUSED_CLIENT_LOST, /* the client's connection ended while it was given the visitor */
	REFUSED_UNSERVED,    /* the client does not reach its service */
	/* With a text of their own, but counted under the name of another reason. */
	REFUSED_NO_RANDOMNESS,   /* counted as no_memory */
	REFUSED_PORT_PERMISSION, /* the system denies the port; counted as port_not_bound */
	/* A tunnel that was open ends. These are not counted. */
	REFUSED_REVOKED,   /* the client would not be let in any more */
	REFUSED_KICKED,    /* by the operator */
	REFUSED_LIFE_OVER, /* the time that was granted has passed */
	/* refusal_parse does not know the text, because another program or a newer server sent it.
	 * Not counted. */
	REFUSED_UNKNOWN,
	REFUSED_COUNT
};

/* What a client that was refused may expect from another attempt. */
enum refusal_retry {
	RETRY_NEVER,      /* the answer will be the same */
	RETRY_ANY_PORT,   /* the same for this port; another port may be free */
	RETRY_LATER,      /* the cause may pass by itself */
	RETRY_WHEN_ASKED, /* the server asks the client to wait and to try again */
};

/* What was refused. It determines the client's exit status. A client whose tunnel or port is
 * refused has been let in. */
enum refusal_subject { SUBJECT_CONNECTION, SUBJECT_TUNNEL, SUBJECT_PORT, SUBJECT_IDENTITY };

/* The value of the metric's label `reason`. */
const char *refusal_name(enum refusal why);
/* The text of an Error frame, and of the log. Texts that bore's server sends are bore's. */
const char *refusal_text(enum refusal why);
/* What it means, for the reference. */
const char *refusal_doc(enum refusal why);
/* Is it counted there? */
bool refusal_happens_at(enum refusal why, enum refusal_at at);
enum refusal_retry refusal_retry(enum refusal why);
enum refusal_subject refusal_subject(enum refusal why);
/* The reason of a server's Error text, which may go on with ": " and details; REFUSED_UNKNOWN if no
 * reason has this text. Only this function compares such texts. */
enum refusal refusal_parse(const char *text);

/* The Error text of REFUSED_SOURCE, which says how long the ban still lasts. */
enum { REFUSAL_BANNED_SIZE = 128 };
const char *refusal_write_banned(int64_t left_ms, char out[REFUSAL_BANNED_SIZE]);
/* How long a server's Error text asks the client to wait; 0: it does not say. */
int64_t refusal_wait_ms(const char *text);

#endif
