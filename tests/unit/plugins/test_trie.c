#include "trie.h"

#include <stdio.h>
#include <stdlib.h>

#include "net/addr.h"
#include "suite.h"

enum { N = TRIE_NOTHING, A = TRIE_ALLOW, D = TRIE_DENY, MAX_RULES = 64 };

/* Takes "+10.0.0.0/8 -10.1.0.0/16 =::/0": allowed, denied, and neither. */
static struct trie *trie_of(const char *line)
{
	struct trie_rule rules[MAX_RULES];
	struct trie *trie;
	char copy[1024], *words = copy;
	size_t n = 0;

	snprintf(copy, sizeof copy, "%s", line);
	for (char *word; (word = strsep(&words, " ")) != NULL;) {
		if (!*word)
			continue;
		ck_assert_msg(addr_parse_cidr(word + 1, &rules[n].prefix), "%s", word);
		rules[n++].verdict = *word == '+'   ? TRIE_ALLOW
		                     : *word == '-' ? TRIE_DENY
		                                    : TRIE_NOTHING;
	}
	trie = trie_new(rules, n);
	ck_assert_ptr_nonnull(trie);
	return trie;
}

static void check(const struct trie *trie, const char *text, int expected)
{
	spore_addr addr;
	int found;

	ck_assert(addr_parse_ip(text, &addr));
	found = (int)trie_find(trie, addr.ip);
	ck_assert_msg(found == expected, "%s: %d in place of %d", text, found, expected);
}

START_TEST(without_rules_nothing_is_said)
{
	struct trie *trie = trie_of("");

	check(trie, "10.0.0.1", N);
	check(trie, "::", N);
	trie_free(trie);
	trie_free(NULL);
}
END_TEST

START_TEST(a_prefix_covers_its_addresses_and_no_other)
{
	struct trie *trie = trie_of("+10.0.0.0/8 -192.168.1.128/25 +2001:db8::/33 -fe80::1");

	check(trie, "10.0.0.0", A);
	check(trie, "10.255.255.255", A);
	check(trie, "9.255.255.255", N);
	check(trie, "11.0.0.0", N);
	check(trie, "192.168.1.127", N);
	check(trie, "192.168.1.128", D);
	check(trie, "192.168.1.255", D);
	check(trie, "192.168.2.0", N);
	check(trie, "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff", A);
	check(trie, "2001:db8:8000::", N);
	check(trie, "2001:db7:ffff::", N);
	check(trie, "fe80::1", D);
	check(trie, "fe80::", N);
	check(trie, "fe80::2", N);
	trie_free(trie);
}
END_TEST

START_TEST(the_longest_prefix_decides)
{
	struct trie *trie = trie_of(
		"-10.1.2.3 +10.1.2.0/24 -10.1.0.0/16 +10.0.0.0/8 -0.0.0.0/0 =10.1.2.4/31");

	check(trie, "10.1.2.3", D);
	check(trie, "10.1.2.2", A);
	check(trie, "10.1.2.4", N);
	check(trie, "10.1.2.5", N);
	check(trie, "10.1.3.3", D);
	check(trie, "10.2.2.3", A);
	check(trie, "11.1.2.3", D);
	trie_free(trie);
}
END_TEST

START_TEST(of_equal_prefixes_the_denial_holds)
{
	struct trie *trie = trie_of(
		"+10.0.0.0/8 -10.0.0.0/8 -::1 +::1 +10.0.0.0/8 =2001::/16 +2001::/16");

	check(trie, "10.1.1.1", D);
	check(trie, "::1", D);
	check(trie, "2001::1", A);
	trie_free(trie);
}
END_TEST

START_TEST(mapped_addresses_are_ipv4)
{
	struct trie *trie = trie_of("+10.0.0.0/8 -::ffff:10.1.0.0/112");

	check(trie, "::ffff:10.2.0.1", A);
	check(trie, "10.1.0.1", D);
	check(trie, "::10.2.0.1", N);
	trie_free(trie);
}
END_TEST

START_TEST(the_prefix_of_no_bits_covers_all)
{
	struct trie *trie = trie_of("+::/0 -8000::/1");

	check(trie, "::", A);
	check(trie, "10.0.0.1", A);
	check(trie, "7fff::", A);
	check(trie, "8000::", D);
	trie_free(trie);
	trie = trie_of("-::/0");
	check(trie, "ffff::", D);
	trie_free(trie);
}
END_TEST

/* Every length at once, each within the one before: the deepest that a trie can be. */
START_TEST(prefixes_of_all_lengths)
{
	struct trie_rule rules[129];
	struct trie *trie;
	uint8_t ip[16];

	for (uint32_t len = 0; len <= 128; len++) {
		rules[len] = (struct trie_rule){ { .prefix_len = len, .family = 6 }, len % 3 };
		for (uint32_t i = 0; i < len; i++)
			rules[len].prefix.ip[i / 8] |= (uint8_t)(0x80 >> i % 8);
	}
	trie = trie_new(rules, 129);
	ck_assert_ptr_nonnull(trie);
	memset(ip, 0xFF, sizeof ip);
	ck_assert_int_eq(trie_find(trie, ip), 128 % 3);
	for (uint32_t len = 0; len < 128; len++) {
		ip[len / 8] ^= (uint8_t)(0x80 >> len % 8); /* so that it leaves the path there */
		ck_assert_int_eq(trie_find(trie, ip), len % 3);
		ip[len / 8] ^= (uint8_t)(0x80 >> len % 8);
	}
	trie_free(trie);
}
END_TEST

/* ---- against a list that is searched from end to end ---- */

static int covers(const spore_cidr *prefix, const uint8_t ip[16])
{
	for (uint32_t i = 0; i < prefix->prefix_len; i++) {
		if ((prefix->ip[i / 8] ^ ip[i / 8]) & (0x80 >> i % 8))
			return 0;
	}
	return 1;
}

static int search(const struct trie_rule *rules, size_t n, const uint8_t ip[16])
{
	const struct trie_rule *best = NULL;

	for (size_t i = 0; i < n; i++) {
		const struct trie_rule *rule = &rules[i];

		if (covers(&rule->prefix, ip) &&
		    (!best || rule->prefix.prefix_len > best->prefix.prefix_len ||
		     (rule->prefix.prefix_len == best->prefix.prefix_len &&
		      rule->verdict > best->verdict)))
			best = rule;
	}
	return best ? (int)best->verdict : N;
}

/* The bits of one of the rules, or zeroes, with some of the later ones changed: so that many
 * addresses are near the edge of a prefix. */
static void make_ip(const struct trie_rule *rules, size_t n, uint8_t ip[16])
{
	size_t from = (size_t)rand() % (n + 1);
	int at = rand() % 129;

	memset(ip, 0, 16);
	if (from < n)
		memcpy(ip, rules[from].prefix.ip, 16);
	for (int i = at; i < 128; i += 1 + rand() % (rand() % 2 ? 3 : 40))
		ip[i / 8] ^= (uint8_t)(0x80 >> i % 8);
}

START_TEST(it_finds_what_a_search_finds)
{
	srand(1);
	for (int round = 0; round < 2000; round++) {
		size_t n = (size_t)rand() % (MAX_RULES + 1);
		struct trie_rule rules[MAX_RULES];
		struct trie *trie;
		uint8_t ip[16];

		for (size_t i = 0; i < n; i++) {
			rules[i].prefix = (spore_cidr){ .prefix_len = (uint32_t)rand() % 129,
				                        .family = 6 };
			rules[i].verdict = (enum trie_verdict)(rand() % 3);
			make_ip(rules, i, rules[i].prefix.ip);
			for (uint32_t k = rules[i].prefix.prefix_len; k < 128; k++)
				rules[i].prefix.ip[k / 8] &= (uint8_t) ~(0x80 >> k % 8);
		}
		trie = trie_new(rules, n);
		ck_assert_ptr_nonnull(trie);
		for (int i = 0; i < 100; i++) {
			make_ip(rules, n, ip);
			ck_assert_int_eq(trie_find(trie, ip), search(rules, n, ip));
		}
		trie_free(trie);
	}
}
END_TEST

SUITE("trie", without_rules_nothing_is_said, a_prefix_covers_its_addresses_and_no_other,
      the_longest_prefix_decides, of_equal_prefixes_the_denial_holds, mapped_addresses_are_ipv4,
      the_prefix_of_no_bits_covers_all, prefixes_of_all_lengths, it_finds_what_a_search_finds)
