/* trie - prefixes of addresses, each allowed or denied; the longest that covers an address decides.
 *
 * Over the 128 bits of spore_cidr, in which IPv4 is the part ::ffff:0:0/96. A node looks at six
 * bits at once: for each of the 64 ways on it has a verdict, and says whether longer prefixes may
 * change it. Bits that all prefixes below have in common are passed over. So a node ends a prefix
 * or forks, n prefixes take at most 2n nodes, and a check reads at most 22. Built once and
 * read-only afterwards: [any] thread may ask. */
#ifndef TRIE_H
#define TRIE_H

#include <spore/base.h>

/* Where a prefix is in the list twice, the greater verdict holds. */
enum trie_verdict { TRIE_NOTHING, TRIE_ALLOW, TRIE_DENY };

struct trie_rule {
	spore_cidr prefix;
	enum trie_verdict verdict;
};

struct trie;

/* Copies what it needs. NULL: out of memory. */
struct trie *trie_new(const struct trie_rule *rules, size_t n);
/* NULL is fine. */
void trie_free(struct trie *trie);
/* TRIE_NOTHING where no prefix covers the address. */
enum trie_verdict trie_find(const struct trie *trie, const uint8_t ip[16]);

#endif
