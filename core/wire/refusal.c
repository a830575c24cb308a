#include "wire/refusal.h"

#include <string.h>

enum { CONTROL = 1 << REFUSED_AT_CONTROL, PUBLIC = 1 << REFUSED_AT_PUBLIC };

/* A table, aligned by hand. */
/* clang-format off */
static const struct {
	const char *name;
	unsigned at;
	const char *text;
} reasons[REFUSED_COUNT] = {
	[REFUSED_ACCESS_LIST]        = { "access_list",        CONTROL | PUBLIC, "access list" },
	[REFUSED_NO_MEMORY]          = { "no_memory",          CONTROL | PUBLIC, "out of memory" },
	[REFUSED_SOURCE]             = { "source",             CONTROL, "its source is banned" },
	[REFUSED_CROWD]              = { "crowd",              CONTROL, "too many are on their way" },
	[REFUSED_HANDSHAKE]          = { "handshake",          CONTROL, "the transport's handshake failed" },
	[REFUSED_TOO_SLOW]           = { "too_slow",           CONTROL, "timed out waiting for initial message" },
	[REFUSED_BAD_FRAME]          = { "bad_frame",          CONTROL, "unable to parse message" },
	[REFUSED_LONG_FRAME]         = { "long_frame",         CONTROL, "frame error, invalid byte length" },
	[REFUSED_NO_SECRET]          = { "no_secret",          CONTROL, "server requires secret, but no secret was provided" },
	[REFUSED_WRONG_SECRET]       = { "wrong_secret",       CONTROL, "invalid secret" },
	[REFUSED_TOO_MANY_TRIES]     = { "too_many_tries",     CONTROL, "too many tries, wait a little" },
	[REFUSED_AUTH_FAILED]        = { "auth_failed",        CONTROL, "authentication is not available" },
	[REFUSED_AUTH_TOO_SLOW]      = { "auth_too_slow",      CONTROL, "authentication timed out" },
	[REFUSED_UNEXPECTED]         = { "unexpected",         CONTROL, "unexpected authenticate" },
	[REFUSED_UNKNOWN_CONNECTION] = { "unknown_connection", CONTROL, "missing connection" },
	[REFUSED_NOT_OWNER]          = { "not_owner",          CONTROL, "the connection belongs to another client" },
	[REFUSED_AHEAD]              = { "ahead",              CONTROL, "no place for a connection opened ahead" },
	[REFUSED_DRAINING]           = { "draining",           CONTROL, "server is shutting down" },
	[REFUSED_TOO_MANY_TUNNELS]   = { "too_many_tunnels",   CONTROL, "too many tunnels" },
	[REFUSED_SOURCE_TUNNELS]     = { "source_tunnels",     CONTROL, "too many tunnels from this address" },
	[REFUSED_PORT_IN_USE]        = { "port_in_use",        CONTROL, "port already in use" },
	[REFUSED_PORT_NOT_ALLOWED]   = { "port_not_allowed",   CONTROL, "client port number not in allowed range" },
	[REFUSED_PORT_NOT_BOUND]     = { "port_not_bound",     CONTROL, "failed to bind to port" },
	[REFUSED_NO_PORT_LEFT]       = { "no_port_left",       CONTROL, "failed to find an available port" },
	[REFUSED_SERVER_FULL]        = { "server_full",        PUBLIC,  "the server has as many visitors as it may" },
	[REFUSED_SOURCE_FULL]        = { "source_full",        PUBLIC,  "its address has as many visitors as it may" },
	[REFUSED_SOURCE_PACE]        = { "source_pace",        PUBLIC,  "its address opens connections too fast" },
	[REFUSED_CLIENT_FULL]        = { "client_full",        PUBLIC,  "the client has as many visitors as it may" },
	[REFUSED_CLIENT_STALLED]     = { "client_stalled",     PUBLIC,  "the client does not read" },
};
/* clang-format on */

const char *refusal_name(enum refusal reason)
{
	return reasons[reason].name;
}

const char *refusal_text(enum refusal reason)
{
	return reasons[reason].text;
}

bool refusal_happens_at(enum refusal reason, enum refusal_at at)
{
	return reasons[reason].at & 1u << at;
}

enum refusal refusal_of_tunnel(const char *text)
{
	static const enum refusal known[] = { REFUSED_NO_MEMORY,        REFUSED_TOO_MANY_TUNNELS,
		                              REFUSED_SOURCE_TUNNELS,   REFUSED_PORT_IN_USE,
		                              REFUSED_PORT_NOT_ALLOWED, REFUSED_NO_PORT_LEFT };

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (strcmp(text, reasons[known[i]].text) == 0)
			return known[i];
	}
	return REFUSED_PORT_NOT_BOUND; /* bore has a text for each cause */
}
