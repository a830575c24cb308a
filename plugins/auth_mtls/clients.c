#include "clients.h"

#include <ctype.h>
#include <spore/auth.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../common/client/policy.h"
#include "../common/client/ports.h"
#include "../common/pointer.h"

enum { POINTER_SIZE = 256 };

static const char expected_rate[] =
	"expected 0 (the server's limit) or at least 1k bytes per second";

const struct client *clients_at(const struct clients *clients, size_t i)
{
	return (const struct client *)clients->map->items + i;
}

/* ---- the check ---- */

/* Accepts both cases, colons between the digits, and the prefix "sha256:". */
static int parse_fingerprint(const char *text, char hex_out[FACTS_HEX_SIZE + 1])
{
	size_t n = 0;

	if (strncasecmp(text, "sha256:", 7) == 0)
		text += 7;
	for (; *text; text++) {
		if (*text == ':')
			continue;
		if (n == FACTS_HEX_SIZE || !isxdigit((unsigned char)*text))
			return 0;
		hex_out[n++] = (char)tolower((unsigned char)*text);
	}
	hex_out[n] = '\0';
	return n == FACTS_HEX_SIZE;
}

/* Checks for the form of RFC 2253: no space after a comma between two parts, none before "=". */
static int is_subject(const char *text)
{
	const char *equals = strchr(text, '=');

	if (*text == '/' || !equals || equals == text || equals[-1] == ' ')
		return 0;
	for (const char *c = text + 1; *c; c++) {
		if (c[0] == ',' && c[1] == ' ' && c[-1] != '\\')
			return 0;
	}
	return 1;
}

/* Rejects the type that openssl prints before a name: the certificate does not contain it. */
static int is_name(const char *text)
{
	static const char *const types[] = { "DNS:", "IP:", "IP Address:", "email:", "URI:" };

	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (strncasecmp(text, types[i], strlen(types[i])) == 0)
			return 0;
	}
	return *text != '\0';
}

/* Is it U+0000 to U+001F, or U+007F to U+009F? In UTF-8, U+0080 to U+009F begin with C2. */
static int is_control(const unsigned char *at)
{
	return at[0] < 0x20 || at[0] == 0x7F || (at[0] == 0xC2 && at[1] < 0xA0);
}

/* The host accepts no other identity. */
static int is_identity(const char *text)
{
	for (const char *at = text; *at; at++) {
		if (is_control((const unsigned char *)at))
			return 0;
	}
	return *text && strlen(text) <= SPORE_IDENTITY_MAX && !strstr(text, "\xEF\xBB\xBF");
}

static int report(const spore_create_args *args, const char *client, const char *key,
                  const char *text)
{
	char pointer[POINTER_SIZE];

	pointer_append(strcpy(pointer, client), sizeof pointer, key);
	args->report(args, pointer, text);
	return 0;
}

static int is_rate(int64_t rate)
{
	return rate == 0 || rate >= POLICY_MIN_RATE;
}

/* lines: as in ports_check. */
static int check_client(struct clients *clients, const spore_create_args *args, size_t i,
                        unsigned *lines)
{
	const struct client *client = clients_at(clients, i);
	char place[POINTER_SIZE] = "/clients";
	const char *fault;

	pointer_append(place, sizeof place - sizeof "/subject", clients->map->keys[i]);
	if (!is_identity(clients->map->keys[i])) {
		args->report(args, place,
		             "expected an identity of 1 to 255 bytes without control characters");
		return 0;
	}
	if (!client->subject && !client->san && !client->sha256) {
		args->report(args, place, "expected subject, san or sha256 of its certificate");
		return 0;
	}
	fault = ports_check(args, &client->ports, place, lines);
	if (fault)
		return report(args, place, "ports", fault);
	if (!is_rate(client->rate_up))
		return report(args, place, "rate_up", expected_rate);
	if (!is_rate(client->rate_down))
		return report(args, place, "rate_down", expected_rate);
	if (client->sha256 && !parse_fingerprint(client->sha256, clients->fingerprints[i]))
		return report(args, place, "sha256",
		              "expected 64 hex digits, with or without colons");
	if (client->subject && !is_subject(client->subject))
		return report(args, place, "subject",
		              "expected the subject as \"CN=alice,O=Acme\", in the form that "
		              "`openssl x509 -noout -subject -nameopt RFC2253` prints");
	if (client->san && !is_name(client->san))
		return report(args, place, "san",
		              "expected a name as in the certificate, without its type, such as "
		              "\"alice.example.com\"");
	return 1;
}

/* Is what the earlier client needs a part of what the later one needs? */
static int covers(const char *earlier, const char *later)
{
	return !earlier || (later && strcmp(earlier, later) == 0);
}

static int is_first(const struct clients *clients, size_t earlier, size_t later)
{
	const struct client *one = clients_at(clients, earlier),
			    *other = clients_at(clients, later);

	return covers(one->subject, other->subject) && covers(one->san, other->san) &&
	       (!one->sha256 || (other->sha256 && strcmp(clients->fingerprints[earlier],
	                                                 clients->fingerprints[later]) == 0));
}

/* The first client that matches counts, so the later one of two might never be found. */
static int check_order(const struct clients *clients, const spore_create_args *args)
{
	int good = 1;

	for (size_t i = 1; i < clients->map->count; i++) {
		char place[POINTER_SIZE] = "/clients", first[POINTER_SIZE] = "/clients", text[400];
		size_t k = 0;

		while (k < i && !is_first(clients, k, i))
			k++;
		if (k == i)
			continue;
		pointer_append(place, sizeof place, clients->map->keys[i]);
		pointer_append(first, sizeof first, clients->map->keys[k]);
		snprintf(text, sizeof text,
		         "expected a certificate that %.255s in front of it does not fit, too: the "
		         "first client that fits counts",
		         first);
		args->report(args, place, text);
		good = 0;
	}
	return good;
}

int clients_init(struct clients *clients, const spore_map *map, const spore_create_args *args)
{
	unsigned lines = 0;
	int good = 1;

	*clients = (struct clients){ map, calloc(map->count + 1, sizeof *clients->fingerprints) };
	if (!clients->fingerprints)
		return 0;
	for (size_t i = 0; i < map->count; i++)
		good = check_client(clients, args, i, &lines) && good;
	return good && check_order(clients, args);
}

void clients_fini(struct clients *clients)
{
	free(clients->fingerprints);
	clients->fingerprints = NULL;
}

/* ---- matching ---- */

static int matches(const struct clients *clients, const struct facts *facts, size_t i)
{
	const struct client *client = clients_at(clients, i);

	if (client->sha256 && strcmp(facts->sha256, clients->fingerprints[i]) != 0)
		return 0;
	if (client->subject && !facts->subject)
		return 0;
	if (client->subject && strcmp(facts->subject, client->subject) != 0)
		return 0;
	return !client->san || facts_have_name(facts, client->san);
}

size_t clients_find(const struct clients *clients, const struct facts *facts)
{
	size_t i = 0;

	while (i < clients->map->count && !matches(clients, facts, i))
		i++;
	return i;
}
