/* trie - IP prefixes, each allowed or denied. The longest prefix that contains an address decides.
 *
 * Works on the 128 bits of spore_cidr, where IPv4 is ::ffff:0:0/96. A node looks at six bits at
 * once. For each of their 64 values (ways) it has a verdict, and tells whether longer prefixes
 * below may change it. Bits that all prefixes below a node share are skipped. So every node ends a
 * prefix or forks: n prefixes need at most 2n nodes, and a look-up reads at most 22. Read-only
 * after its creation, so [any] thread may use it. */
#ifndef TRIE_H
#define TRIE_H

#include <spore/base.h>

/* If a prefix is given twice, the greater verdict wins. */
enum trie_verdict { TRIE_NOTHING, TRIE_ALLOW, TRIE_DENY };

struct trie_rule {
	spore_cidr prefix;
	enum trie_verdict verdict;
};

struct trie;

/* Copies the rules. NULL: out of memory. */
struct trie *trie_new(const struct trie_rule *rules, size_t n);
/* Accepts NULL. */
void trie_free(struct trie *trie);
/* TRIE_NOTHING: no prefix contains the address. */
enum trie_verdict trie_find(const struct trie *trie, const uint8_t ip[16]);

#endif
