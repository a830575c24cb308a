#include "wire/refusal.h"

#include <string.h>

enum {
	NOWHERE = 0,
	CONTROL = 1 << REFUSED_AT_CONTROL,
	PUBLIC = 1 << REFUSED_AT_PUBLIC,
	BOTH = CONTROL | PUBLIC,
};

struct row {
	const char *name;
	unsigned at;
	enum refusal_retry retry;
	enum refusal_subject subject;
	const char *text;
};

/* A table, aligned by hand. */
/* clang-format off */
static const struct row rows[REFUSED_COUNT] = {
	[REFUSED_ACCESS_LIST]        = { "access_list",        BOTH,    RETRY_LATER,
		SUBJECT_CONNECTION, "denied by the access list" },
	[REFUSED_NO_MEMORY]          = { "no_memory",          BOTH,    RETRY_LATER,
		SUBJECT_CONNECTION, "out of memory" },
	[REFUSED_SOURCE]             = { "source",             CONTROL, RETRY_LATER,
		SUBJECT_CONNECTION, "the source is banned" },
	[REFUSED_CROWD]              = { "crowd",              CONTROL, RETRY_LATER,
		SUBJECT_CONNECTION, "too many unauthenticated connections" },
	[REFUSED_HANDSHAKE]          = { "handshake",          CONTROL, RETRY_LATER,
		SUBJECT_CONNECTION, "the transport handshake failed" },
	[REFUSED_TOO_SLOW]           = { "too_slow",           CONTROL, RETRY_LATER,
		SUBJECT_CONNECTION, "timed out waiting for initial message" },
	[REFUSED_BAD_FRAME]          = { "bad_frame",          CONTROL, RETRY_LATER,
		SUBJECT_CONNECTION, "unable to parse message" },
	[REFUSED_LONG_FRAME]         = { "long_frame",         CONTROL, RETRY_LATER,
		SUBJECT_CONNECTION, "frame error, invalid byte length" },
	[REFUSED_NO_SECRET]          = { "no_secret",          CONTROL, RETRY_NEVER,
		SUBJECT_IDENTITY,   "server requires secret, but no secret was provided" },
	[REFUSED_WRONG_SECRET]       = { "wrong_secret",       CONTROL, RETRY_NEVER,
		SUBJECT_IDENTITY,   "invalid secret" },
	[REFUSED_TOO_MANY_TRIES]     = { "too_many_tries",     CONTROL, RETRY_WHEN_ASKED,
		SUBJECT_CONNECTION, "too many tries, wait a little" },
	[REFUSED_AUTH_FAILED]        = { "auth_failed",        CONTROL, RETRY_LATER,
		SUBJECT_CONNECTION, "authentication is not available" },
	[REFUSED_AUTH_TOO_SLOW]      = { "auth_too_slow",      CONTROL, RETRY_LATER,
		SUBJECT_CONNECTION, "authentication timed out" },
	[REFUSED_UNEXPECTED]         = { "unexpected",         CONTROL, RETRY_LATER,
		SUBJECT_CONNECTION, "unexpected authenticate" },
	[REFUSED_UNKNOWN_CONNECTION] = { "unknown_connection", CONTROL, RETRY_LATER,
		SUBJECT_CONNECTION, "missing connection" },
	[REFUSED_NOT_OWNER]          = { "not_owner",          CONTROL, RETRY_LATER,
		SUBJECT_CONNECTION, "the connection belongs to another client" },
	[REFUSED_AHEAD]              = { "ahead",              CONTROL, RETRY_LATER,
		SUBJECT_CONNECTION, "unknown pass, or too many connections opened ahead" },
	[REFUSED_DRAINING]           = { "draining",           CONTROL, RETRY_LATER,
		SUBJECT_CONNECTION, "server is shutting down" },
	[REFUSED_TOO_MANY_TUNNELS]   = { "too_many_tunnels",   CONTROL, RETRY_LATER,
		SUBJECT_CONNECTION, "too many tunnels" },
	[REFUSED_SOURCE_TUNNELS]     = { "source_tunnels",     CONTROL, RETRY_LATER,
		SUBJECT_CONNECTION, "too many tunnels from this address" },
	[REFUSED_PORT_IN_USE]        = { "port_in_use",        CONTROL, RETRY_LATER,
		SUBJECT_PORT,       "port already in use" },
	[REFUSED_PORT_NOT_ALLOWED]   = { "port_not_allowed",   CONTROL, RETRY_ANY_PORT,
		SUBJECT_PORT,       "client port number not in allowed range" },
	[REFUSED_PORT_NOT_BOUND]     = { "port_not_bound",     CONTROL, RETRY_ANY_PORT,
		SUBJECT_PORT,       "failed to bind to port" },
	[REFUSED_NO_PORT_LEFT]       = { "no_port_left",       CONTROL, RETRY_LATER,
		SUBJECT_PORT,       "failed to find an available port" },
	[REFUSED_SERVER_FULL]        = { "server_full",        PUBLIC,  RETRY_LATER,
		SUBJECT_CONNECTION, "the server has reached its visitor limit" },
	[REFUSED_SOURCE_FULL]        = { "source_full",        PUBLIC,  RETRY_LATER,
		SUBJECT_CONNECTION, "the source has reached its visitor limit" },
	[REFUSED_SOURCE_PACE]        = { "source_pace",        PUBLIC,  RETRY_LATER,
		SUBJECT_CONNECTION, "the source opens connections too fast" },
	[REFUSED_CLIENT_FULL]        = { "client_full",        PUBLIC,  RETRY_LATER,
		SUBJECT_CONNECTION, "the client has reached its visitor limit" },
	[REFUSED_CLIENT_STALLED]     = { "client_stalled",     PUBLIC,  RETRY_LATER,
		SUBJECT_CONNECTION, "the client does not read" },
	[REFUSED_NO_RANDOMNESS]      = { "no_memory",          CONTROL, RETRY_LATER,
		SUBJECT_CONNECTION, "server has no randomness" },
	[REFUSED_PORT_PERMISSION]    = { "port_not_bound",     CONTROL, RETRY_ANY_PORT,
		SUBJECT_PORT,       "permission denied" },
	[REFUSED_REVOKED]            = { "revoked",            NOWHERE, RETRY_NEVER,
		SUBJECT_IDENTITY,   "access was revoked" },
	[REFUSED_KICKED]             = { "kicked",             NOWHERE, RETRY_NEVER,
		SUBJECT_CONNECTION, "closed by the operator" },
	[REFUSED_LIFE_OVER]          = { "life_over",          NOWHERE, RETRY_LATER,
		SUBJECT_CONNECTION, "the tunnel's time is over" },
	[REFUSED_UNKNOWN]            = { "unknown",            NOWHERE, RETRY_LATER,
		SUBJECT_CONNECTION, "unknown reason" },
};
/* clang-format on */

const char *refusal_name(enum refusal why)
{
	return rows[why].name;
}

const char *refusal_text(enum refusal why)
{
	return rows[why].text;
}

bool refusal_happens_at(enum refusal why, enum refusal_at at)
{
	return rows[why].at & 1u << at;
}

enum refusal_retry refusal_retry(enum refusal why)
{
	return rows[why].retry;
}

enum refusal_subject refusal_subject(enum refusal why)
{
	return rows[why].subject;
}

enum refusal refusal_parse(const char *text)
{
	enum refusal why = 0;

	while (why < REFUSED_UNKNOWN && strcmp(text, rows[why].text) != 0)
		why++;
	return why;
}
