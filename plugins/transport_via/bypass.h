/* bypass - the servers that are reached without the proxy: NO_PROXY, read as curl reads it. Pure.
 * [any]
 *
 * The list has names, addresses and prefixes, separated by commas or blanks. A name stands for
 * itself and for all names below it, with or without a dot before it. "*" alone stands for all. */
#ifndef TRANSPORT_VIA_BYPASS_H
#define TRANSPORT_VIA_BYPASS_H

#include <stdbool.h>

/* host: a name, or an address without brackets. */
bool bypass_has(const char *list, const char *host);
/* Has the list every host? NULL: it has none. */
bool bypass_has_all(const char *list);

#endif
