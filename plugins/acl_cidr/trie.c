#include "trie.h"

#include <endian.h>
#include <stdlib.h>

enum { STRIDE = 6, WAYS = 1 << STRIDE, LEAF_BITS = 56, NODE_SIZE = 64 };

__extension__ typedef unsigned __int128 bits128;

/* A prefix that continues below a node. */
struct leaf {
	uint64_t verdict : 2;
	uint64_t len : 6;          /* number of bits after the node's that must match ... */
	uint64_t rest : LEAF_BITS; /* ... these; the first bit is the highest */
};

/* Fills one cache line. Bit i of a mask refers to the addresses whose six bits after `depth` are
 * i. */
struct node {
	bits128 prefix;       /* the required first `depth` bits; the rest is 0 */
	uint64_t allow, deny; /* the verdict, unless a longer prefix below has another */
	uint64_t ends;        /* below is one prefix, a leaf; leaves start at first_leaf */
	uint64_t forks;       /* below are several, under a node; nodes start at first_node */
	uint32_t first_leaf, first_node;
	uint32_t depth, unused;
};
SPORE_STATIC_ASSERT(sizeof(struct node) == NODE_SIZE && sizeof(struct leaf) == 8, "for the cache");

struct trie {
	struct node *nodes; /* owned; the first is the root */
	struct leaf *leaves;
	uint32_t n_nodes, n_leaves;
	enum trie_verdict outermost; /* the verdict of the prefix /0 */
};

struct rule {
	bits128 ip;
	uint32_t len;
	enum trie_verdict verdict;
};

static bits128 bits_of(const uint8_t ip[16])
{
	uint64_t halves[2];

	memcpy(halves, ip, sizeof halves);
	return (bits128)be64toh(halves[0]) << 64 | be64toh(halves[1]);
}

/* The six bits after `depth`, as a number. Zeroes follow the last bit of the address. */
static unsigned way_at(bits128 ip, uint32_t depth)
{
	return (unsigned)(ip << depth >> (128 - STRIDE));
}

/* The bits after those that the node looks at, as in leaf.rest. */
static uint64_t bits_below(bits128 ip, const struct node *node)
{
	return (uint64_t)(ip << (node->depth + STRIDE) >> (128 - LEAF_BITS));
}

static enum trie_verdict verdict_at(const struct node *node, unsigned way)
{
	return node->deny >> way & 1    ? TRIE_DENY
	       : node->allow >> way & 1 ? TRIE_ALLOW
	                                : TRIE_NOTHING;
}

/* ---- look-up ---- */

/* Shifts twice, because a shift by all 128 bits is undefined. */
static int begins_with(bits128 ip, const struct node *node)
{
	return (ip ^ node->prefix) >> 1 >> (127 - node->depth) == 0;
}

/* The number of set bits of the mask below bit `way`. */
static uint32_t rank(uint64_t mask, unsigned way)
{
	return (uint32_t)__builtin_popcountll(mask & (((uint64_t)1 << way) - 1));
}

static int is_in_leaf(bits128 ip, const struct node *node, const struct leaf *leaf)
{
	return (bits_below(ip, node) ^ leaf->rest) >> (LEAF_BITS - leaf->len) == 0;
}

enum trie_verdict trie_find(const struct trie *trie, const uint8_t address[16])
{
	const struct node *node = trie->nodes;
	enum trie_verdict verdict = trie->outermost; /* of the longest prefix up to now */
	bits128 ip = bits_of(address);
	const struct leaf *leaf;
	unsigned way;

	while (begins_with(ip, node)) {
		way = way_at(ip, node->depth);
		verdict = verdict_at(node, way);
		if (node->ends >> way & 1) {
			leaf = &trie->leaves[node->first_leaf + rank(node->ends, way)];
			return is_in_leaf(ip, node, leaf) ? (enum trie_verdict)leaf->verdict
			                                  : verdict;
		}
		if (!(node->forks >> way & 1))
			break;
		node = &trie->nodes[node->first_node + rank(node->forks, way)];
	}
	return verdict;
}

/* ---- building ---- */

/* Sorts a prefix before the prefixes that it contains, because the verdict of a longer prefix must
 * be written later. */
static int compare_rules(const void *a, const void *b)
{
	const struct rule *x = a, *y = b;

	if (x->ip != y->ip)
		return x->ip < y->ip ? -1 : 1;
	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return (int)x->verdict - (int)y->verdict;
}

static uint32_t common_bits(bits128 a, bits128 b)
{
	bits128 differ = a ^ b;
	uint64_t high = (uint64_t)(differ >> 64), low = (uint64_t)differ;

	if (high)
		return (uint32_t)__builtin_clzll(high);
	return low ? 64 + (uint32_t)__builtin_clzll(low) : 128;
}

/* The depth of the node for these rules: where they fork, or one bit before the first rule ends,
 * whichever comes first. */
static uint32_t depth_of(const struct rule *rules, size_t n)
{
	uint32_t common, before_end;

	if (n == 0)
		return 0;
	common = common_bits(rules[0].ip, rules[n - 1].ip);
	before_end = rules[0].len - 1;
	return common < before_end ? common : before_end;
}

/* Does the rule end within the six bits that the node looks at? */
static int ends_in(const struct rule *rule, const struct node *node)
{
	return rule->len <= node->depth + STRIDE;
}

/* The end of the group of rules that take the same way as the first one. A rule that ends in the
 * node is a group of its own. */
static size_t group_end(const struct node *node, const struct rule *rules, size_t first, size_t n)
{
	unsigned way = way_at(rules[first].ip, node->depth);
	size_t end = first + 1;

	while (end < n && !ends_in(&rules[first], node) &&
	       way_at(rules[end].ip, node->depth) == way)
		end++;
	return end;
}

static void set_verdict(struct node *node, uint64_t ways, enum trie_verdict verdict)
{
	node->allow = (node->allow & ~ways) | (verdict == TRIE_ALLOW ? ways : 0);
	node->deny = (node->deny & ~ways) | (verdict == TRIE_DENY ? ways : 0);
}

/* Sets what the node tells about a group: its verdict, a leaf, or a fork. */
static void add_group(struct trie *trie, struct node *node, const struct rule *rule, size_t n)
{
	uint64_t way = (uint64_t)1 << way_at(rule->ip, node->depth);
	uint32_t len = rule->len - node->depth - STRIDE, n_ways;

	if (ends_in(rule, node)) {
		/* Each of the six bits after the rule's end doubles the number of its ways. */
		n_ways = 1u << (node->depth + STRIDE - rule->len);
		set_verdict(node, way * (((uint64_t)1 << n_ways) - 1), rule->verdict);
	} else if (n == 1 && len <= LEAF_BITS) {
		node->ends |= way;
		trie->leaves[trie->n_leaves++] = (struct leaf){ rule->verdict, len,
			                                        bits_below(rule->ip, node) };
	} else {
		node->forks |= way;
	}
}

/* Fills a node and the nodes below it. The rules are sorted, and longer than the path to the node.
 * Recurses at most 22 levels deep. */
static void build_node(struct trie *trie, struct node *node, const struct rule *rules, size_t n,
                       enum trie_verdict verdict)
{
	struct node *child;

	node->depth = depth_of(rules, n);
	node->prefix = node->depth ? rules[0].ip >> (128 - node->depth) << (128 - node->depth) : 0;
	node->first_leaf = trie->n_leaves;
	node->first_node = trie->n_nodes;
	set_verdict(node, ~(uint64_t)0, verdict);
	for (size_t i = 0, end; i < n; i = end) {
		end = group_end(node, rules, i, n);
		add_group(trie, node, &rules[i], end - i);
	}
	/* The children lie side by side, so all of them get their places before the first one gets
	 * children of its own. */
	trie->n_nodes += (uint32_t)__builtin_popcountll(node->forks);
	child = &trie->nodes[node->first_node];
	for (size_t i = 0, end; i < n; i = end) {
		unsigned way = way_at(rules[i].ip, node->depth);

		end = group_end(node, rules, i, n);
		if (!ends_in(&rules[i], node) && node->forks >> way & 1)
			build_node(trie, child++, &rules[i], end - i, verdict_at(node, way));
	}
}

/* Returns the rules in order. NULL: out of memory. */
static struct rule *sort_rules(const struct trie_rule *from, size_t n)
{
	struct rule *rules = calloc(n + 1, sizeof *rules);

	for (size_t i = 0; rules && i < n; i++)
		rules[i] = (struct rule){ bits_of(from[i].prefix.ip), from[i].prefix.prefix_len,
			                  from[i].verdict };
	if (rules)
		qsort(rules, n, sizeof *rules, compare_rules);
	return rules;
}

/* Allocates the most nodes and leaves that n rules can need. NULL: out of memory. */
static struct trie *allocate(size_t n)
{
	struct trie *trie = calloc(1, sizeof *trie);

	if (!trie)
		return NULL;
	trie->nodes = calloc(2 * n + 1, sizeof *trie->nodes);
	trie->leaves = calloc(n + 1, sizeof *trie->leaves);
	if (trie->nodes && trie->leaves)
		return trie;
	trie_free(trie);
	return NULL;
}

/* Moves the nodes to cache line boundaries. 0: out of memory. */
static int align_nodes(struct trie *trie)
{
	struct node *aligned = aligned_alloc(NODE_SIZE, trie->n_nodes * sizeof *aligned);

	if (!aligned)
		return 0;
	memcpy(aligned, trie->nodes, trie->n_nodes * sizeof *aligned);
	free(trie->nodes);
	trie->nodes = aligned;
	return 1;
}

struct trie *trie_new(const struct trie_rule *from, size_t n)
{
	struct rule *rules = sort_rules(from, n);
	struct trie *trie = rules ? allocate(n) : NULL;
	size_t first = 0; /* the first rule that has bits */

	if (trie) {
		for (; first < n && rules[first].len == 0; first++)
			trie->outermost = rules[first].verdict;
		trie->n_nodes = 1;
		build_node(trie, trie->nodes, rules + first, n - first, trie->outermost);
		if (!align_nodes(trie)) {
			trie_free(trie);
			trie = NULL;
		}
	}
	free(rules);
	return trie;
}

void trie_free(struct trie *trie)
{
	if (!trie)
		return;
	free(trie->nodes);
	free(trie->leaves);
	free(trie);
}
