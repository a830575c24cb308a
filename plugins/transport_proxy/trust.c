#include "trust.h"

enum { IPV4_BITS = 96 }; /* of the prefix ::ffff:0:0/96, in which IPv4 addresses are stored */

static bool begins(const uint8_t ip[16], const spore_cidr *prefix)
{
	uint32_t bytes = prefix->prefix_len / 8, bits = prefix->prefix_len % 8;

	if (memcmp(ip, prefix->ip, bytes) != 0)
		return false;
	return bits == 0 || (ip[bytes] ^ prefix->ip[bytes]) >> (8 - bits) == 0;
}

static bool is_ipv4(const spore_cidr *prefix)
{
	static const uint8_t front[12] = { [10] = 0xFF, [11] = 0xFF };

	return prefix->prefix_len >= IPV4_BITS && memcmp(prefix->ip, front, sizeof front) == 0;
}

static bool has_ip(const spore_addr *addr)
{
	return addr->family == 4 || addr->family == 6;
}

bool trust_covers(const spore_list *prefixes, const spore_addr *addr)
{
	const spore_cidr *items = prefixes->items;

	for (size_t i = 0; has_ip(addr) && i < prefixes->count; i++) {
		if (is_ipv4(&items[i]) == (addr->family == 4) && begins(addr->ip, &items[i]))
			return true;
	}
	return false;
}
