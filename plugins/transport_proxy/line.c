#include "line.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "fault.h"

/* The shortest line is "PROXY UNKNOWN" with CR LF; the others have their shortest addresses. */
enum { LEAST = 15, LEAST_TCP4 = 32, LEAST_TCP6 = 22, SPACES = 5, FIELDS = 4 };

static const char unknown[] = "PROXY UNKNOWN", tcp4[] = "PROXY TCP4 ", tcp6[] = "PROXY TCP6 ";

static bool begins(const uint8_t *bytes, const char *text)
{
	return memcmp(bytes, text, strlen(text)) == 0;
}

static size_t larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* ---- a line that is not complete ---- */

static size_t count_spaces(const uint8_t *bytes, size_t n)
{
	size_t spaces = 0;

	for (size_t i = 0; i < n; i++)
		spaces += bytes[i] == ' ';
	return spaces;
}

/* Each space that is missing has a character behind it, and CR LF ends the line. */
static size_t need_of_fields(const uint8_t *bytes, size_t n)
{
	size_t least = begins(bytes, tcp4) ? LEAST_TCP4 : LEAST_TCP6;
	size_t spaces = count_spaces(bytes, n);
	size_t missing = spaces < SPACES ? SPACES - spaces : 0;

	return larger(2 + 2 * missing + (bytes[n - 1] == ' '), n < least ? least - n : 0);
}

static enum header_result ask_for_more(const uint8_t *bytes, size_t n, struct header *out)
{
	if (n >= HEADER_V1_MAX)
		return fault_set(out, HEADER_TOO_LONG,
		                 "PROXY v1: expected CR LF within %d bytes, found none",
		                 HEADER_V1_MAX);
	if (n < LEAST)
		out->need = LEAST - n;
	else if (bytes[n - 1] == '\r')
		out->need = 1;
	else
		out->need = begins(bytes, unknown) ? 2 : need_of_fields(bytes, n);
	if (out->need > HEADER_V1_MAX - n)
		out->need = HEADER_V1_MAX - n;
	return HEADER_MORE;
}

/* ---- a complete line ---- */

struct field {
	const char *name;
	char text[HEADER_V1_MAX];
};

/* Splits the text at single spaces. False: there are not exactly four fields. */
static bool split(const uint8_t *text, size_t len, struct field fields[FIELDS])
{
	size_t k = 0, at = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == ' ') {
			fields[k].text[at] = '\0';
			if (++k == FIELDS)
				return false;
			at = 0;
		} else {
			fields[k].text[at++] = (char)text[i];
		}
	}
	fields[k].text[at] = '\0';
	return k == FIELDS - 1;
}

/* Writes the IPv4 address as an IPv4-mapped one. inet_pton may accept more forms than the one that
 * the protocol has, so the address must come out as it was written. */
static bool parse_ipv4(const char *text, uint8_t ip[16])
{
	char again[INET_ADDRSTRLEN];

	ip[10] = ip[11] = 0xFF;
	return inet_pton(AF_INET, text, ip + 12) == 1 &&
	       inet_ntop(AF_INET, ip + 12, again, sizeof again) && strcmp(again, text) == 0;
}

static bool parse_ip(const struct field *field, bool is_ipv4, spore_addr *addr, struct header *out)
{
	bool good = is_ipv4 ? parse_ipv4(field->text, addr->ip)
	                    : inet_pton(AF_INET6, field->text, addr->ip) == 1;

	if (!good)
		fault_set(out, HEADER_MALFORMED,
		          "PROXY v1: expected an %s address as %s, found %.45s",
		          is_ipv4 ? "IPv4" : "IPv6", field->name, field->text);
	return good;
}

static bool parse_port(const struct field *field, spore_addr *addr, struct header *out)
{
	size_t len = strspn(field->text, "0123456789");
	bool is_number = len > 0 && len <= 5 && !field->text[len] &&
	                 (field->text[0] != '0' || len == 1);
	unsigned long port = is_number ? strtoul(field->text, NULL, 10) : 65536;

	addr->port = (uint16_t)port;
	if (port > 65535)
		fault_set(out, HEADER_MALFORMED,
		          "PROXY v1: expected 0 to 65535 without leading zeros as %s, found %.20s",
		          field->name, field->text);
	return port <= 65535;
}

/* What is behind "PROXY TCP4 " or "PROXY TCP6 ". */
static enum header_result read_fields(const uint8_t *text, size_t len, bool is_ipv4,
                                      struct header *out)
{
	struct field fields[FIELDS] = { { .name = "the source address" },
		                        { .name = "the destination address" },
		                        { .name = "the source port" },
		                        { .name = "the destination port" } };
	spore_addr source = { 0 }, destination = { 0 };

	if (!split(text, len, fields))
		return fault_set(out, HEADER_MALFORMED,
		                 "PROXY v1: expected two addresses and two ports, with single "
		                 "spaces between them");
	if (!parse_ip(&fields[0], is_ipv4, &source, out) ||
	    !parse_ip(&fields[1], is_ipv4, &destination, out) ||
	    !parse_port(&fields[2], &source, out) || !parse_port(&fields[3], &destination, out))
		return HEADER_WRONG;
	out->has_client = true;
	out->client = source;
	return HEADER_DONE;
}

static bool is_printable(const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (bytes[i] < 0x20 || bytes[i] >= 0x7F)
			return false;
	}
	return true;
}

/* len: without CR LF. */
static enum header_result read_complete(const uint8_t *bytes, size_t len, struct header *out)
{
	const size_t front = sizeof tcp4 - 1;

	out->version = 1;
	out->len = len + 2;
	if (begins(bytes, unknown)) /* what follows is to be ignored */
		return HEADER_DONE;
	if (!is_printable(bytes, len))
		return fault_set(out, HEADER_MALFORMED,
		                 "PROXY v1: expected printable characters, found others");
	return read_fields(bytes + front, len - front, begins(bytes, tcp4), out);
}

/* n >= LEAST */
static bool has_known_kind(const uint8_t *bytes)
{
	if (begins(bytes, unknown))
		return bytes[sizeof unknown - 1] == '\r' || bytes[sizeof unknown - 1] == ' ';
	return begins(bytes, tcp4) || begins(bytes, tcp6);
}

/* The end of the line, at its CR; NULL: it has not come, or out->why says what is wrong. */
static const uint8_t *find_end(const uint8_t *bytes, size_t n, struct header *out)
{
	size_t most = n < HEADER_V1_MAX ? n : HEADER_V1_MAX;
	const uint8_t *lf = memchr(bytes, '\n', most);
	const uint8_t *cr = memchr(bytes, '\r', lf ? (size_t)(lf - bytes) : most);

	if (cr ? cr + 1 != (lf ? lf : bytes + most) : lf != NULL)
		fault_set(
			out, HEADER_MALFORMED,
			"PROXY v1: expected CR LF at the end of the line, found one of them alone");
	return lf ? cr : NULL;
}

enum header_result line_read(const uint8_t *bytes, size_t n, struct header *out)
{
	const uint8_t *cr = find_end(bytes, n, out);
	char found[FOUND_SIZE];

	if (*out->why)
		return HEADER_WRONG;
	if (n < LEAST ? cr != NULL : !has_known_kind(bytes))
		return fault_set(out, HEADER_MALFORMED,
		                 "PROXY v1: expected TCP4, TCP6 or UNKNOWN, found: %s",
		                 fault_found(bytes, n, found));
	return cr ? read_complete(bytes, (size_t)(cr - bytes), out) : ask_for_more(bytes, n, out);
}
