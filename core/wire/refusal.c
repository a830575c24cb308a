#include "wire/refusal.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

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
	const char *text, *doc;
};

/* A table, aligned by hand. */
/* clang-format off */
static const struct row rows[REFUSED_COUNT] = {
	[REFUSED_ACCESS_LIST]        = { "access_list",        BOTH,    RETRY_LATER,
		SUBJECT_CONNECTION, "denied by the access list",
		"an access list denied the address; `spore_acl_refusals_total` says which" },
	[REFUSED_NO_MEMORY]          = { "no_memory",          BOTH,    RETRY_LATER,
		SUBJECT_CONNECTION, "out of memory",
		"memory or random bytes were not available" },
	[REFUSED_SOURCE]             = { "source",             CONTROL, RETRY_WHEN_ASKED,
		SUBJECT_CONNECTION, "the source is banned",
		"the source is banned after wrong secrets (`ban_after`, `ban_time`); `spore "
		"ctl bans` lists such sources" },
	[REFUSED_CROWD]              = { "crowd",              CONTROL, RETRY_LATER,
		SUBJECT_CONNECTION, "too many unauthenticated connections",
		"too many connections were authenticating, of one source or in all "
		"(`max_unauthenticated_per_ip`, `max_unauthenticated`), so this one was "
		"closed" },
	[REFUSED_HANDSHAKE]          = { "handshake",          BOTH,    RETRY_LATER,
		SUBJECT_CONNECTION, "the transport handshake failed",
		"the handshake of a transport, such as TLS, failed or took too long" },
	[REFUSED_NO_ADDRESS]         = { "no_address",         CONTROL, RETRY_LATER,
		SUBJECT_CONNECTION, "the address of the client is not known",
		"a client tried to log in on a connection for which a transport had told no "
		"client's address, such as one that a load balancer opens to check the server" },
	[REFUSED_TOO_SLOW]           = { "too_slow",           CONTROL, RETRY_LATER,
		SUBJECT_CONNECTION, "timed out waiting for initial message",
		"the client did not send its next message in time" },
	[REFUSED_BAD_FRAME]          = { "bad_frame",          CONTROL, RETRY_LATER,
		SUBJECT_CONNECTION, "unable to parse message",
		"the client sent an invalid message" },
	[REFUSED_LONG_FRAME]         = { "long_frame",         CONTROL, RETRY_LATER,
		SUBJECT_CONNECTION, "frame error, invalid byte length",
		"the client sent a message of more than 256 bytes; often only one side uses "
		"TLS" },
	[REFUSED_NO_SECRET]          = { "no_secret",          CONTROL, RETRY_NEVER,
		SUBJECT_IDENTITY,   "server requires secret, but no secret was provided",
		"the client gave no answer to the Challenge" },
	[REFUSED_WRONG_SECRET]       = { "wrong_secret",       CONTROL, RETRY_NEVER,
		SUBJECT_IDENTITY,   "invalid secret",
		"an auth plugin denied the client; often its secret is wrong" },
	[REFUSED_UNBOUND]            = { "unbound",            CONTROL, RETRY_NEVER,
		SUBJECT_IDENTITY,   "the answer is not bound to the TLS session",
		"the client's answer was correct, but lacked the channel binding that an auth "
		"plugin demands (`\"binding\": \"require\"`)" },
	[REFUSED_UNKNOWN_CLIENT]     = { "unknown_client",     CONTROL, RETRY_NEVER,
		SUBJECT_IDENTITY,   "the server does not know this client",
		"an auth plugin denied a client that was asked for no secret; often its "
		"certificate is missing or unknown. It does not count towards a ban" },
	[REFUSED_TOO_MANY_TRIES]     = { "too_many_tries",     CONTROL, RETRY_WHEN_ASKED,
		SUBJECT_CONNECTION, "too many tries, wait a little",
		"the source tries secrets too fast (`secret_rate`, `secret_burst`); nothing "
		"was verified" },
	[REFUSED_AUTH_FAILED]        = { "auth_failed",        CONTROL, RETRY_LATER,
		SUBJECT_CONNECTION, "authentication is not available",
		"no auth plugin could decide; `spore_auth_verdicts_total` says why" },
	[REFUSED_AUTH_TOO_SLOW]      = { "auth_too_slow",      CONTROL, RETRY_LATER,
		SUBJECT_CONNECTION, "authentication timed out",
		"the auth plugins took longer than `auth_timeout`" },
	[REFUSED_UNEXPECTED]         = { "unexpected",         CONTROL, RETRY_LATER,
		SUBJECT_CONNECTION, "unexpected authenticate",
		"the client sent a message that is not allowed there" },
	[REFUSED_UNKNOWN_CONNECTION] = { "unknown_connection", CONTROL, RETRY_LATER,
		SUBJECT_CONNECTION, "missing connection",
		"a data connection came for a visitor that had left or had been taken" },
	[REFUSED_SENDING_BACK]       = { "sending_back",       CONTROL, RETRY_LATER,
		SUBJECT_CONNECTION, "the process before the upgrade takes no connections",
		"a data connection came for a client that the process before an upgrade still has, "
		"and that process is too busy to take it" },
	[REFUSED_NOT_OWNER]          = { "not_owner",          CONTROL, RETRY_LATER,
		SUBJECT_CONNECTION, "the connection belongs to another client",
		"a data connection came for the visitor of another client" },
	[REFUSED_AHEAD]              = { "ahead",              CONTROL, RETRY_LATER,
		SUBJECT_CONNECTION, "unknown pass, or too many connections opened ahead",
		"a connection was opened ahead of its visitor, but for an unknown tunnel or above a "
		"limit (`max_ahead_per_tunnel`)" },
	[REFUSED_DRAINING]           = { "draining",           CONTROL, RETRY_LATER,
		SUBJECT_CONNECTION, "server is shutting down",
		"the server is ending" },
	[REFUSED_TOO_MANY_TUNNELS]   = { "too_many_tunnels",   CONTROL, RETRY_LATER,
		SUBJECT_TUNNEL,     "too many tunnels",
		"the server, or the client's identity, has as many tunnels as it may have "
		"(`max_tunnels`)" },
	[REFUSED_SOURCE_TUNNELS]     = { "source_tunnels",     CONTROL, RETRY_LATER,
		SUBJECT_TUNNEL,     "too many tunnels from this address",
		"the source has as many tunnels as it may have (`max_conns_per_ip`)" },
	[REFUSED_PORT_IN_USE]        = { "port_in_use",        CONTROL, RETRY_LATER,
		SUBJECT_PORT,       "port already in use",
		"the public port that the client wants is in use" },
	[REFUSED_SHARE]              = { "share_not_allowed",  CONTROL, RETRY_NEVER,
		SUBJECT_PORT,       "this client may not share a port",
		"the client wants to share its public port with others, but neither its policy nor "
		"`server.share` allows it" },
	[REFUSED_PORT_NOT_ALLOWED]   = { "port_not_allowed",   CONTROL, RETRY_ANY_PORT,
		SUBJECT_PORT,       "client port number not in allowed range",
		"the client may not have the public port that it wants" },
	[REFUSED_PORT_NOT_BOUND]     = { "port_not_bound",     CONTROL, RETRY_ANY_PORT,
		SUBJECT_PORT,       "failed to bind to port",
		"the system does not give the public port to the server" },
	[REFUSED_NO_PORT_LEFT]       = { "no_port_left",       CONTROL, RETRY_LATER,
		SUBJECT_PORT,       "failed to find an available port",
		"no public port is free" },
	[REFUSED_HOST_NOT_ALLOWED]   = { "host_not_allowed",   CONTROL, RETRY_LATER,
		SUBJECT_TUNNEL,     "host name not allowed",
		"the client's policy (`hosts`) does not allow a host name that the client asks "
		"for" },
	[REFUSED_HOST_TAKEN]         = { "host_taken",         CONTROL, RETRY_LATER,
		SUBJECT_TUNNEL,     "the host name is taken",
		"another client has a host name that the client asks for; the server's log says "
		"which client" },
	[REFUSED_SERVER_FULL]        = { "server_full",        PUBLIC,  RETRY_LATER,
		SUBJECT_CONNECTION, "the server has reached its visitor limit",
		"the server has as many visitors as it may have (`max_relays`)" },
	[REFUSED_DESCRIPTORS]        = { "descriptors",        PUBLIC,  RETRY_LATER,
		SUBJECT_CONNECTION, "the server has no descriptors for more visitors",
		"the server has as many visitors as its limit of descriptors allows "
		"(`ulimit -n`, `LimitNOFILE=`)" },
	[REFUSED_SOURCE_FULL]        = { "source_full",        PUBLIC,  RETRY_LATER,
		SUBJECT_CONNECTION, "the source has reached its visitor limit",
		"the visitor's source has as many visitors as it may have "
		"(`max_visitors_per_ip`)" },
	[REFUSED_SOURCE_PACE]        = { "source_pace",        PUBLIC,  RETRY_LATER,
		SUBJECT_CONNECTION, "the source opens connections too fast",
		"the visitor's source opens connections too fast (`visitor_rate`)" },
	[REFUSED_HANDSHAKES]         = { "handshakes",         PUBLIC,  RETRY_LATER,
		SUBJECT_CONNECTION, "too many visitors are in the handshake of a transport",
		"too many visitors had not ended the handshake of a transport, or had no tunnel "
		"yet at a routed port, of one source or in all (`max_handshakes_per_ip`, "
		"`max_handshakes`)" },
	[REFUSED_NO_HOST]            = { "no_host",            PUBLIC,  RETRY_LATER,
		SUBJECT_CONNECTION, "the visitor wants no host name",
		"the first bytes of a visitor at a routed port (`listen_port`) name no host, or "
		"too few bytes came in time (`route_timeout`)" },
	[REFUSED_UNKNOWN_HOST]       = { "unknown_host",       PUBLIC,  RETRY_LATER,
		SUBJECT_CONNECTION, "no tunnel has the host name",
		"the visitor of a routed port (`listen_port`) wants a host name that no tunnel "
		"has" },
	[REFUSED_BAD_START]          = { "bad_start",          PUBLIC,  RETRY_LATER,
		SUBJECT_CONNECTION, "the first bytes are malformed",
		"the first bytes of a visitor at a routed port (`listen_port`) are malformed" },
	[REFUSED_PENDING]            = { "pending",            PUBLIC,  RETRY_LATER,
		SUBJECT_CONNECTION, "too many visitors wait for the client",
		"when the visitor's handshake with a transport had ended, or its tunnel at a shared "
		"port was found, as many visitors waited for a client as may "
		"(`max_pending_per_tunnel`, `max_pending`)" },
	[REFUSED_CLIENT_FULL]        = { "client_full",        PUBLIC,  RETRY_LATER,
		SUBJECT_CONNECTION, "the client has reached its visitor limit",
		"the client's identity has as many visitors as it may have" },
	[REFUSED_CLIENT_PACE]        = { "client_pace",        PUBLIC,  RETRY_LATER,
		SUBJECT_CONNECTION, "the client's visitors come too fast",
		"the visitors of the client's identity come too fast (`visitors_per_second`)" },
	[REFUSED_USED_UP]            = { "used_up",            PUBLIC,  RETRY_LATER,
		SUBJECT_CONNECTION, "the client has used up its bytes",
		"the client's identity has used all bytes of the day or month (`bytes_per_day`, "
		"`bytes_per_month`)" },
	[REFUSED_CLIENT_STALLED]     = { "client_stalled",     PUBLIC,  RETRY_LATER,
		SUBJECT_CONNECTION, "the client does not read",
		"the client does not read what the server announces" },
	[REFUSED_DECLINED]           = { "client_declined",    PUBLIC,  RETRY_LATER,
		SUBJECT_CONNECTION, "the client cannot carry the visitor",
		"the client cannot carry the visitor: it has no connection, no descriptor, no "
		"memory or no local port for it. The client's log says which" },
	[REFUSED_CUT_OFF]            = { "client_cut_off",     PUBLIC,  RETRY_LATER,
		SUBJECT_CONNECTION, "the client was cut off",
		"the client has no connection for the visitor, and meanwhile the server had turned "
		"away connections of the client's address (`crowd`, `source`)" },
	[REFUSED_CLIENT_LOST]        = { "client_lost",        PUBLIC,  RETRY_LATER,
		SUBJECT_CONNECTION, "a connection of the client was lost",
		"a connection of the client was lost while it was given the visitor, who may have "
		"reached the service" },
	[REFUSED_UNSERVED]           = { "no_service",         PUBLIC,  RETRY_LATER,
		SUBJECT_CONNECTION, "the client does not reach its service",
		"the client has told the server that it does not reach the visitor's local "
		"service" },
	[REFUSED_NO_RANDOMNESS]      = { "no_memory",          CONTROL, RETRY_LATER,
		SUBJECT_CONNECTION, "server has no randomness",
		"the server has no random bytes" },
	[REFUSED_PORT_PERMISSION]    = { "port_not_bound",     CONTROL, RETRY_ANY_PORT,
		SUBJECT_PORT,       "permission denied",
		"the system denies the public port to the server" },
	[REFUSED_REVOKED]            = { "revoked",            NOWHERE, RETRY_NEVER,
		SUBJECT_IDENTITY,   "access was revoked",
		"the client would not be let in any more" },
	[REFUSED_KICKED]             = { "kicked",             NOWHERE, RETRY_NEVER,
		SUBJECT_CONNECTION, "closed by the operator",
		"the operator ended the tunnel" },
	[REFUSED_LIFE_OVER]          = { "life_over",          NOWHERE, RETRY_LATER,
		SUBJECT_CONNECTION, "the tunnel's time is over",
		"the time that was granted to the tunnel has passed" },
	[REFUSED_UNKNOWN]            = { "unknown",            NOWHERE, RETRY_LATER,
		SUBJECT_CONNECTION, "unknown reason",
		"the text of another server, or of a newer one" },
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

const char *refusal_doc(enum refusal why)
{
	return rows[why].doc;
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

static bool has_reason(const char *text, enum refusal why)
{
	size_t len = strlen(rows[why].text);

	return strncmp(text, rows[why].text, len) == 0 &&
	       (!text[len] || strncmp(text + len, ": ", 2) == 0);
}

enum refusal refusal_parse(const char *text)
{
	enum refusal why = 0;

	while (why < REFUSED_UNKNOWN && !has_reason(text, why))
		why++;
	return why;
}

static const char try_again[] = "; try again in ";

const char *refusal_write_banned(int64_t left_ms, char out[REFUSAL_BANNED_SIZE])
{
	snprintf(out, REFUSAL_BANNED_SIZE, "%s: wrong secrets came from this address%s%lld s",
	         refusal_text(REFUSED_SOURCE), try_again, (long long)(left_ms + 999) / 1000);
	return out;
}

int64_t refusal_wait_ms(const char *text)
{
	const char *number = strstr(text, try_again);
	uint64_t seconds;
	size_t digits;

	if (!number)
		return 0;
	number += strlen(try_again);
	digits = strspn(number, "0123456789");
	if (strcmp(number + digits, " s") != 0 ||
	    !text_to_uint(number, digits, INT32_MAX, &seconds))
		return 0;
	return (int64_t)seconds * 1000;
}
