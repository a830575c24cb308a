#include "wire/proxy_header.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { COMMAND_LOCAL = 0x20, COMMAND_PROXY = 0x21, OVER_TCP4 = 0x11, OVER_TCP6 = 0x21 };
/* Where an IPv4 address is in the form of 16 bytes. */
enum { V4_AT = 12, V4_SIZE = 4, V6_SIZE = 16 };

static const uint8_t signature[12] = "\r\n\r\n\0\r\nQUIT\n";

/* What a header says. */
struct pair {
	int family; /* AF_INET, AF_INET6, or AF_UNSPEC: it names no addresses */
	uint8_t from[V6_SIZE], to[V6_SIZE];
	size_t size; /* bytes of each address */
	uint16_t from_port, to_port;
};

static struct pair make_pair(const spore_addr *from, const spore_addr *to)
{
	bool is_v4 = from->family == 4, has_to = to->family == 4 || to->family == 6;
	struct pair pair = { .from_port = from->port, .to_port = to->port };
	size_t at = is_v4 ? V4_AT : 0;

	if (!is_v4 && from->family != 6)
		return pair;
	pair.family = is_v4 ? AF_INET : AF_INET6;
	pair.size = is_v4 ? V4_SIZE : V6_SIZE;
	memcpy(pair.from, from->ip + at, pair.size);
	/* An IPv4 address has the bytes of its IPv4-mapped address. */
	if (has_to && (!is_v4 || to->family == 4))
		memcpy(pair.to, to->ip + at, pair.size);
	return pair;
}

static size_t write_line(const struct pair *pair, char out[PROXY_HEADER_MAX])
{
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];

	if (pair->family == AF_UNSPEC)
		return (size_t)snprintf(out, PROXY_HEADER_MAX, "PROXY UNKNOWN\r\n");
	inet_ntop(pair->family, pair->from, from, sizeof from);
	inet_ntop(pair->family, pair->to, to, sizeof to);
	return (size_t)snprintf(out, PROXY_HEADER_MAX, "PROXY %s %s %s %u %u\r\n",
	                        pair->family == AF_INET ? "TCP4" : "TCP6", from, to,
	                        pair->from_port, pair->to_port);
}

static uint8_t *put(uint8_t *at, const void *bytes, size_t len)
{
	memcpy(at, bytes, len);
	return at + len;
}

static uint8_t *put_number(uint8_t *at, size_t number)
{
	*at++ = (uint8_t)(number >> 8);
	*at++ = (uint8_t)number;
	return at;
}

static size_t write_binary(const struct pair *pair, uint8_t out[PROXY_HEADER_MAX])
{
	uint8_t *at = put(out, signature, sizeof signature);

	if (pair->family == AF_UNSPEC) {
		*at++ = COMMAND_LOCAL;
		*at++ = 0;
		return (size_t)(put_number(at, 0) - out);
	}
	*at++ = COMMAND_PROXY;
	*at++ = pair->family == AF_INET ? OVER_TCP4 : OVER_TCP6;
	at = put_number(at, 2 * pair->size + 2 * sizeof(uint16_t));
	at = put(at, pair->from, pair->size);
	at = put(at, pair->to, pair->size);
	at = put_number(at, pair->from_port);
	return (size_t)(put_number(at, pair->to_port) - out);
}

size_t proxy_header_write(enum proxy_header_version version, const spore_addr *from,
                          const spore_addr *to, uint8_t out[PROXY_HEADER_MAX])
{
	struct pair pair = make_pair(from, to);

	switch (version) {
	case PROXY_HEADER_NONE:
		break;
	case PROXY_HEADER_V1:
		return write_line(&pair, (char *)out);
	case PROXY_HEADER_V2:
		return write_binary(&pair, out);
	}
	return 0;
}
