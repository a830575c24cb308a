#include "net/addr.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { V4_BITS = 96 }; /* length of ::ffff:0:0/96, the prefix of all IPv4-mapped addresses */

static const uint8_t v4_prefix[12] = { [10] = 0xFF, [11] = 0xFF };

static bool is_mapped(const uint8_t ip[16])
{
	return memcmp(ip, v4_prefix, sizeof v4_prefix) == 0;
}

static bool parse_scope(const char *text, uint32_t *scope_out)
{
	uint64_t number;

	if (strlen(text) >= IF_NAMESIZE)
		return false;
	if (text_to_uint(text, strlen(text), UINT32_MAX, &number)) {
		*scope_out = (uint32_t)number;
		return true;
	}
	*scope_out = if_nametoindex(text);
	return *scope_out != 0;
}

bool addr_parse_ip(const char *text, spore_addr *addr_out)
{
	char copy[ADDR_TEXT_SIZE], *scope;

	*addr_out = (spore_addr){ 0 };
	if (inet_pton(AF_INET, text, addr_out->ip + 12) == 1) {
		memcpy(addr_out->ip, v4_prefix, sizeof v4_prefix);
		addr_out->family = 4;
		return true;
	}
	if (strlen(text) >= sizeof copy)
		return false;
	strcpy(copy, text);
	scope = strchr(copy, '%');
	if (scope)
		*scope++ = '\0';
	if (inet_pton(AF_INET6, copy, addr_out->ip) != 1)
		return false;
	addr_out->family = is_mapped(addr_out->ip) ? 4 : 6;
	return !scope || parse_scope(scope, &addr_out->scope_id);
}

bool addr_parse(const char *text, spore_addr *addr_out)
{
	const char *colon = strrchr(text, ':');
	char ip[ADDR_TEXT_SIZE];
	uint64_t port;
	size_t len;

	if (!colon || !text_to_uint(colon + 1, strlen(colon + 1), 65535, &port))
		return false;
	len = (size_t)(colon - text);
	if (text[0] == '[') {
		if (len < 2 || text[len - 1] != ']')
			return false;
		text++;
		len -= 2;
	} else if (memchr(text, ':', len)) {
		return false; /* an IPv6 address needs brackets to have a port */
	}
	if (len >= sizeof ip)
		return false;
	memcpy(ip, text, len);
	ip[len] = '\0';
	if (!addr_parse_ip(ip, addr_out))
		return false;
	addr_out->port = (uint16_t)port;
	return true;
}

/* Clears the bits after the prefix. True: some were set. */
static bool clear_host_bits(uint8_t ip[16], uint64_t bits)
{
	bool found = false;

	for (size_t i = bits; i < 128; i++) {
		uint8_t bit = (uint8_t)(0x80 >> i % 8);

		found = found || ip[i / 8] & bit;
		ip[i / 8] &= (uint8_t)~bit;
	}
	return found;
}

bool addr_parse_cidr(const char *text, spore_cidr *cidr_out)
{
	const char *slash = strchr(text, '/');
	char ip[ADDR_TEXT_SIZE];
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	spore_addr addr;
	uint64_t bits, ip_bits;
	bool exact;

	*cidr_out = (spore_cidr){ 0 };
	/* A prefix has no scope, not even scope 0. */
	if (len >= sizeof ip || memchr(text, '%', len))
		return false;
	memcpy(ip, text, len);
	ip[len] = '\0';
	if (!addr_parse_ip(ip, &addr))
		return false;
	ip_bits = memchr(ip, ':', len) ? 128 : 32;
	bits = ip_bits;
	if (slash && !text_to_uint(slash + 1, strlen(slash + 1), ip_bits, &bits))
		return false;
	bits += 128 - ip_bits; /* from here on, bits of the IPv6 or IPv4-mapped address */
	exact = !clear_host_bits(addr.ip, bits);
	cidr_out->prefix_len = (uint32_t)bits;
	/* A prefix shorter than V4_BITS stands for IPv6 addresses, even if its bits are 0. */
	cidr_out->family = bits < V4_BITS ? 6 : addr.family;
	memcpy(cidr_out->ip, addr.ip, sizeof addr.ip);
	return exact;
}

bool addr_in_cidr(const uint8_t ip[16], const spore_cidr *cidr)
{
	uint32_t bytes = cidr->prefix_len / 8, bits = cidr->prefix_len % 8;
	uint8_t mask = (uint8_t)(0xFF00 >> bits); /* the first `bits` bits of a byte */

	if (cidr->prefix_len < V4_BITS && is_mapped(ip))
		return false;
	if (memcmp(cidr->ip, ip, bytes) != 0)
		return false;
	return bits == 0 || ((cidr->ip[bytes] ^ ip[bytes]) & mask) == 0;
}

/* Looks at the halves of `whole` as long as a prefix lies in it. */
static bool is_covered(spore_cidr whole, const spore_cidr *list, size_t n)
{
	uint32_t bit = whole.prefix_len;
	bool has_part = false;

	for (size_t i = 0; i < n; i++) {
		if (list[i].prefix_len <= bit && addr_in_cidr(whole.ip, &list[i]))
			return true;
		has_part = has_part ||
		           (list[i].prefix_len > bit && addr_in_cidr(list[i].ip, &whole));
	}
	if (!has_part)
		return false;
	whole.prefix_len++;
	if (!is_covered(whole, list, n))
		return false;
	whole.ip[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return is_covered(whole, list, n);
}

bool addr_is_family_in(int family, const spore_cidr *list, size_t n)
{
	spore_cidr whole = { .family = (uint32_t)family };

	if (family == 4) {
		memcpy(whole.ip, v4_prefix, sizeof v4_prefix);
		whole.prefix_len = V4_BITS;
	}
	return is_covered(whole, list, n);
}

const char *addr_format_ip(const spore_addr *addr, char out[ADDR_TEXT_SIZE])
{
	if (addr->family == 0)
		strcpy(out, "-");
	else if (addr->family == 1)
		strcpy(out, "unix");
	else if (is_mapped(addr->ip))
		inet_ntop(AF_INET, addr->ip + 12, out, ADDR_TEXT_SIZE);
	else
		inet_ntop(AF_INET6, addr->ip, out, ADDR_TEXT_SIZE);
	if (addr->scope_id)
		snprintf(out + strlen(out), ADDR_TEXT_SIZE - strlen(out), "%%%u", addr->scope_id);
	return out;
}

const char *addr_format(const spore_addr *addr, char out[ADDR_TEXT_SIZE])
{
	char ip[ADDR_TEXT_SIZE];
	bool brackets = addr->family == 6 && !is_mapped(addr->ip);

	if (addr->family < 4)
		return addr_format_ip(addr, out);
	addr_format_ip(addr, ip);
	snprintf(out, ADDR_TEXT_SIZE, brackets ? "[%.64s]:%u" : "%.64s:%u", ip, addr->port);
	return out;
}

const char *addr_format_list(const spore_list *list, uint16_t port, char out[ADDR_LIST_TEXT_SIZE])
{
	const spore_addr *items = list->items;
	char text[ADDR_TEXT_SIZE];
	size_t len = 0;

	*out = '\0';
	for (size_t i = 0; i < list->count; i++) {
		spore_addr addr = items[i];
		size_t room = ADDR_LIST_TEXT_SIZE - len;
		size_t n;

		addr.port = port;
		n = (size_t)snprintf(out + len, room, "%s%s", i ? ", " : "",
		                     port ? addr_format(&addr, text) : addr_format_ip(&addr, text));
		if (n >= room) {
			out[len] = '\0';
			break;
		}
		len += n;
	}
	return out;
}

const char *addr_format_cidr(const spore_cidr *cidr, char out[ADDR_TEXT_SIZE])
{
	bool v4 = cidr->prefix_len >= V4_BITS && is_mapped(cidr->ip);
	spore_addr addr = { .family = (uint8_t)cidr->family };
	size_t n;

	memcpy(addr.ip, cidr->ip, sizeof addr.ip);
	n = strlen(addr_format_ip(&addr, out));
	snprintf(out + n, ADDR_TEXT_SIZE - n, "/%u", cidr->prefix_len - (v4 ? V4_BITS : 0));
	return out;
}

void addr_from_sockaddr(const struct sockaddr *sa, spore_addr *addr_out)
{
	*addr_out = (spore_addr){ 0 };
	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)sa;

		memcpy(addr_out->ip, v4_prefix, sizeof v4_prefix);
		memcpy(addr_out->ip + 12, &in->sin_addr, 4);
		addr_out->port = ntohs(in->sin_port);
		addr_out->family = 4;
	} else if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)sa;

		memcpy(addr_out->ip, &in6->sin6_addr, 16);
		addr_out->port = ntohs(in6->sin6_port);
		addr_out->scope_id = in6->sin6_scope_id;
		addr_out->family = is_mapped(addr_out->ip) ? 4 : 6;
	} else if (sa->sa_family == AF_UNIX) {
		addr_out->family = 1;
	}
}

socklen_t addr_to_sockaddr(const spore_addr *addr, struct sockaddr_storage *sa_out)
{
	memset(sa_out, 0, sizeof *sa_out);
	if (addr->family == 4) {
		struct sockaddr_in *in = (void *)sa_out;

		in->sin_family = AF_INET;
		in->sin_port = htons(addr->port);
		memcpy(&in->sin_addr, addr->ip + 12, 4);
		return sizeof *in;
	}
	struct sockaddr_in6 *in6 = (void *)sa_out;

	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(addr->port);
	in6->sin6_scope_id = addr->scope_id;
	memcpy(&in6->sin6_addr, addr->ip, 16);
	return sizeof *in6;
}

bool addr_is_any(const spore_addr *addr)
{
	static const uint8_t any_v6[16], any_v4[16] = { [10] = 0xFF, [11] = 0xFF };

	return memcmp(addr->ip, any_v6, sizeof any_v6) == 0 ||
	       memcmp(addr->ip, any_v4, sizeof any_v4) == 0;
}

bool addr_is_ip(const spore_addr *addr)
{
	return addr->family == 6 || (addr->family == 4 && is_mapped(addr->ip));
}

bool addr_is_loopback(const spore_addr *addr)
{
	static const uint8_t loopback_v6[16] = { [15] = 1 };

	if (addr->family == 4)
		return addr->ip[12] == 127;
	return addr->family == 6 && memcmp(addr->ip, loopback_v6, sizeof loopback_v6) == 0;
}

bool addr_equal(const spore_addr *a, const spore_addr *b)
{
	return a->family == b->family && a->port == b->port && a->scope_id == b->scope_id &&
	       memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

size_t addr_find_ip(const spore_list *list, const spore_addr *addr)
{
	const spore_addr *items = list->items;
	spore_addr wanted = *addr;
	size_t i;

	for (i = 0; i < list->count; i++) {
		wanted.port = items[i].port;
		if (addr_equal(&items[i], &wanted))
			break;
	}
	return i;
}
