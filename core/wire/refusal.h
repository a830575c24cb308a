/* refusal - why somebody was not let in: the reasons, as labels of a metric and as texts. Pure. */
#ifndef CORE_REFUSAL_H
#define CORE_REFUSAL_H

#include <stdbool.h>

enum refusal_at { REFUSED_AT_CONTROL, REFUSED_AT_PUBLIC, REFUSED_AT_COUNT };

enum refusal {
	/* At either. */
	REFUSED_ACCESS_LIST,
	REFUSED_NO_MEMORY,
	/* Before a client has authenticated. */
	REFUSED_SOURCE, /* it is banned */
	REFUSED_CROWD,  /* too many are on their way, of its source or in all */
	REFUSED_HANDSHAKE,
	REFUSED_TOO_SLOW,
	REFUSED_BAD_FRAME,
	REFUSED_LONG_FRAME,
	REFUSED_NO_SECRET,
	REFUSED_WRONG_SECRET,
	REFUSED_TOO_MANY_TRIES,
	REFUSED_AUTH_FAILED,
	REFUSED_AUTH_TOO_SLOW,
	/* After it. */
	REFUSED_UNEXPECTED,
	REFUSED_UNKNOWN_CONNECTION,
	REFUSED_NOT_OWNER,
	REFUSED_AHEAD, /* no tunnel's pass, or too many wait */
	REFUSED_DRAINING,
	REFUSED_TOO_MANY_TUNNELS,
	REFUSED_SOURCE_TUNNELS, /* of its address */
	REFUSED_PORT_IN_USE,
	REFUSED_PORT_NOT_ALLOWED,
	REFUSED_PORT_NOT_BOUND,
	REFUSED_NO_PORT_LEFT,
	/* Visitors. */
	REFUSED_SERVER_FULL,
	REFUSED_SOURCE_FULL, /* it has as many visitors as it may */
	REFUSED_SOURCE_PACE, /* it opens them too fast */
	REFUSED_CLIENT_FULL,
	REFUSED_CLIENT_STALLED,
	REFUSED_COUNT
};

/* The label's value. */
const char *refusal_name(enum refusal reason);
/* For the log, and for the client where it has a text of its own. */
const char *refusal_text(enum refusal reason);
/* Does it happen there at all? */
bool refusal_happens_at(enum refusal reason, enum refusal_at at);
/* The reason behind one of the texts that a client is sent when it gets no tunnel. */
enum refusal refusal_of_tunnel(const char *text);

#endif
