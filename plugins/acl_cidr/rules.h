/* rules - a list of IP prefixes, to find the one that denied an address. The trie decides, but does
 * not know which prefix has decided. Read-only after its creation, so [any] thread may use it. */
#ifndef RULES_H
#define RULES_H

#include <spore/base.h>

struct rules;

enum { RULE_TEXT_SIZE = 64 };

/* Copies the prefixes. NULL: out of memory. */
struct rules *rules_new(const spore_cidr *prefixes, size_t n);
/* Accepts NULL. */
void rules_free(struct rules *rules);
/* The longest prefix that contains the address; NULL: none does. IPv4 and IPv6 are separate, as in
 * the trie. */
const spore_cidr *rules_find(const struct rules *rules, const uint8_t ip[16]);
/* Writes it as in a configuration: "10.0.0.0/8". */
void rule_print(const spore_cidr *rule, char text_out[RULE_TEXT_SIZE]);

#endif
