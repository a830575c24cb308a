#include "cover.h"

#include <endian.h>
#include <stdlib.h>

__extension__ typedef unsigned __int128 bits128;

/* The addresses of a prefix. */
struct span {
	bits128 first, last;
	int denies;
};

enum { IPV4_BITS = 96 }; /* in front of an IPv4 address: ::ffff:0:0/96 */

static const bits128 ipv4_first = (bits128)0xFFFF << 32;

static struct span span_of(const spore_cidr *prefix, int denies)
{
	uint64_t halves[2];
	bits128 ip, rest;

	memcpy(halves, prefix->ip, sizeof halves);
	ip = (bits128)be64toh(halves[0]) << 64 | be64toh(halves[1]);
	rest = prefix->prefix_len ? ~(bits128)0 >> 1 >> (prefix->prefix_len - 1) : ~(bits128)0;
	return (struct span){ ip & ~rest, ip | rest, denies };
}

/* All addresses of the family, with the verdict outside all prefixes. */
static struct span whole(int family, int denies)
{
	if (family == 4)
		return (struct span){ ipv4_first, ipv4_first | 0xFFFFFFFF, denies };
	return (struct span){ 0, ~(bits128)0, denies };
}

static int is_of_family(const spore_cidr *prefix, int family)
{
	struct span span = span_of(prefix, 0);
	int is_ipv4 = prefix->prefix_len >= IPV4_BITS && span.first >> 32 == 0xFFFF;

	return is_ipv4 == (family == 4);
}

static size_t add_spans(struct span *spans, size_t n, const spore_list *list, int family,
                        int denies)
{
	const spore_cidr *prefixes = list->items;

	for (size_t i = 0; i < list->count; i++) {
		if (is_of_family(&prefixes[i], family))
			spans[n++] = span_of(&prefixes[i], denies);
	}
	return n;
}

/* Sorts a span before those within it, and allow before deny. */
static int compare_spans(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	if (x->last != y->last)
		return x->last > y->last ? -1 : 1;
	return x->denies - y->denies;
}

/* Walks over all addresses. The innermost span around an address decides about it; `around` is a
 * stack of those that contain the present one. */
static int deny_all(const struct span *spans, size_t n, const struct span **around)
{
	bits128 at = spans[0].first;
	size_t depth = 0;

	around[depth++] = &spans[0];
	for (size_t i = 1; i < n; i++) {
		for (; around[depth - 1]->last < spans[i].first; depth--) {
			if (at <= around[depth - 1]->last && !around[depth - 1]->denies)
				return 0;
			if (at <= around[depth - 1]->last)
				at = around[depth - 1]->last + 1;
		}
		if (at < spans[i].first && !around[depth - 1]->denies)
			return 0;
		at = spans[i].first;
		around[depth++] = &spans[i];
	}
	for (; depth > 0; depth--) {
		if (at <= around[depth - 1]->last && !around[depth - 1]->denies)
			return 0;
		if (around[depth - 1]->last == spans[0].last)
			break; /* nothing is left */
		if (at <= around[depth - 1]->last)
			at = around[depth - 1]->last + 1;
	}
	return 1;
}

int cover_denies_all(const struct cover_lists *lists, int family)
{
	size_t most = lists->allow->count + lists->deny->count + 2, n = 0;
	struct span *spans = calloc(most, sizeof *spans);
	const struct span **around = calloc(most, sizeof(struct span *));
	int denied = -1;

	if (spans && around) {
		spans[n++] = whole(family, lists->denies_outside);
		if (family == 6)
			spans[n++] = whole(4, 1); /* no address of IPv6 */
		n = add_spans(spans, n, lists->allow, family, 0);
		n = add_spans(spans, n, lists->deny, family, 1);
		qsort(spans + 1, n - 1, sizeof *spans, compare_spans);
		denied = deny_all(spans, n, around);
	}
	free(spans);
	free(around);
	return denied;
}

int cover_names(const struct cover_lists *lists, int family)
{
	const spore_list *both[] = { lists->allow, lists->deny };

	for (size_t k = 0; k < 2; k++) {
		const spore_cidr *prefixes = both[k]->items;

		for (size_t i = 0; i < both[k]->count; i++) {
			if (is_of_family(&prefixes[i], family))
				return 1;
		}
	}
	return 0;
}
