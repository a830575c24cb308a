#include "rules.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

enum { BITS = 128, IPV4_BITS = 96 };

/* The prefixes of one length, sorted by address. */
struct span {
	uint32_t len;
	size_t first, n;
};

struct rules {
	spore_cidr *items; /* owned; the longest first */
	struct span spans[BITS + 1];
	size_t n_spans;
};

static int compare_rules(const void *a, const void *b)
{
	const spore_cidr *x = a, *y = b;

	if (x->prefix_len != y->prefix_len)
		return x->prefix_len > y->prefix_len ? -1 : 1;
	return memcmp(x->ip, y->ip, sizeof x->ip);
}

static int compare_addresses(const void *ip, const void *rule)
{
	return memcmp(ip, ((const spore_cidr *)rule)->ip, 16);
}

struct rules *rules_new(const spore_cidr *prefixes, size_t n)
{
	struct rules *rules = calloc(1, sizeof *rules);
	struct span *span = NULL;

	if (!rules)
		return NULL;
	rules->items = calloc(n + 1, sizeof *rules->items);
	if (!rules->items) {
		free(rules);
		return NULL;
	}
	if (n)
		memcpy(rules->items, prefixes, n * sizeof *prefixes);
	qsort(rules->items, n, sizeof *rules->items, compare_rules);
	for (size_t i = 0; i < n; i++) {
		if (!span || span->len != rules->items[i].prefix_len) {
			span = &rules->spans[rules->n_spans++];
			*span = (struct span){ rules->items[i].prefix_len, i, 0 };
		}
		span->n++;
	}
	return rules;
}

void rules_free(struct rules *rules)
{
	if (!rules)
		return;
	free(rules->items);
	free(rules);
}

/* Copies the first `len` bits of the address, and clears the others. */
static void copy_prefix(const uint8_t ip[16], uint32_t len, uint8_t out[16])
{
	memset(out, 0, 16);
	memcpy(out, ip, len / 8);
	if (len % 8)
		out[len / 8] = (uint8_t)(ip[len / 8] & 0xFF << (8 - len % 8));
}

static int is_ipv4(const uint8_t ip[16])
{
	static const uint8_t prefix[12] = { [10] = 0xFF, [11] = 0xFF };

	return memcmp(ip, prefix, sizeof prefix) == 0;
}

const spore_cidr *rules_find(const struct rules *rules, const uint8_t ip[16])
{
	uint32_t least_len = is_ipv4(ip) ? IPV4_BITS : 0;

	for (size_t i = 0; i < rules->n_spans && rules->spans[i].len >= least_len; i++) {
		const struct span *span = &rules->spans[i];
		const spore_cidr *found;
		uint8_t key[16];

		copy_prefix(ip, span->len, key);
		found = bsearch(key, rules->items + span->first, span->n, sizeof *rules->items,
		                compare_addresses);
		if (found)
			return found;
	}
	return NULL;
}

void rule_print(const spore_cidr *rule, char text_out[RULE_TEXT_SIZE])
{
	int ipv4 = rule->family == 4;
	char address[INET6_ADDRSTRLEN] = "";

	inet_ntop(ipv4 ? AF_INET : AF_INET6, ipv4 ? rule->ip + 12 : rule->ip, address,
	          sizeof address);
	snprintf(text_out, RULE_TEXT_SIZE, "%s/%u", address,
	         rule->prefix_len - (ipv4 ? IPV4_BITS : 0));
}
