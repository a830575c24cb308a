/* cover - finds out whether two lists deny every address of a family. Pure. This code is
 * compiled into each plugin that uses it. */
#ifndef COMMON_COVER_H
#define COMMON_COVER_H

#include <spore/option.h>

struct cover_lists {
	const spore_list *allow, *deny; /* of spore_cidr */
	int denies_outside;             /* an address in no prefix is denied */
};

/* 1: they do, 0: they do not, -1: out of memory. family: 4 or 6. As in the trie, the longest prefix
 * decides, then deny, and prefixes of IPv6 contain no IPv4 address. */
int cover_denies_all(const struct cover_lists *lists, int family);
/* Is there a prefix of this family? */
int cover_names(const struct cover_lists *lists, int family);

#endif
