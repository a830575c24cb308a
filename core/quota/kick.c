#include "quota/kick.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "quota/account.h"

#define KICK_PORT "port="

static bool parse_number(const char *text, uint64_t most, uint64_t *number_out)
{
	return text_to_uint(text, strlen(text), most, number_out) && *number_out > 0;
}

static bool parse_port(const char *text, uint16_t *port_out)
{
	uint64_t port;

	if (!parse_number(text, UINT16_MAX, &port))
		return false;
	*port_out = (uint16_t)port;
	return true;
}

static bool parse_identity(const char *text, char identity_out[SPORE_IDENTITY_MAX + 1])
{
	size_t len = strlen(text);

	if (len == 0 || len > SPORE_IDENTITY_MAX)
		return false;
	memcpy(identity_out, text, len + 1);
	return true;
}

/* The text after the prefix; NULL: the text has another one. */
static const char *after(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

bool kick_parse(const char *text, struct kick *kick_out)
{
	const char *port = after(text, KICK_PORT), *identity = after(text, KICK_IDENTITY);

	*kick_out = (struct kick){ 0 };
	if (port)
		return parse_port(port, &kick_out->port);
	if (identity)
		return parse_identity(identity, kick_out->identity);
	return parse_number(text, INT64_MAX, &kick_out->id);
}

bool kick_is_given(const struct kick *kick)
{
	return kick->id || kick->port || kick->identity[0];
}

bool kick_means(const struct kick *kick, const struct account *account)
{
	if (kick->id)
		return account->id == kick->id;
	if (kick->port)
		return account->port == kick->port;
	return strcmp(account_identity(account), kick->identity) == 0;
}

static unsigned count_of(const struct kicked *kicked)
{
	return kicked->tunnels + kicked->relays;
}

/* Notes the port and the identity of what has ended, before it is counted. */
static void note_end(struct kicked *kicked, uint16_t port, const char *identity)
{
	if (count_of(kicked) == 0) {
		kicked->port = port;
		snprintf(kicked->identity, sizeof kicked->identity, "%s", identity);
		return;
	}
	if (kicked->port != port)
		kicked->port = 0;
	if (strcmp(kicked->identity, identity) != 0)
		kicked->identity[0] = '\0';
}

void kicked_add_tunnel(struct kicked *kicked, const struct account *account)
{
	note_end(kicked, account->port, account_identity(account));
	kicked->tunnels++;
}

void kicked_add_relay(struct kicked *kicked, const struct account *account)
{
	note_end(kicked, account->port, account_identity(account));
	kicked->relays++;
}

void kicked_add(struct kicked *kicked, const struct kicked *more)
{
	if (count_of(more) > 0)
		note_end(kicked, more->port, more->identity);
	kicked->tunnels += more->tunnels;
	kicked->relays += more->relays;
}
