/* hostname - names of hosts, and patterns for them. Pure. [any]
 *
 *   name     labels with dots between them: letters, digits, '-' and '_', as the DNS has them. A
 *            name with other letters is in its ASCII form ("xn--...")
 *   pattern  "*." and a name: all names that end in it, with one more label or several
 *   "*"      all names; only in what a client may have
 *
 * They are compared in lower case and without a final dot, as hostname_read writes them. */
#ifndef CORE_HOSTNAME_H
#define CORE_HOSTNAME_H

#include <stdbool.h>
#include <stddef.h>

enum { HOSTNAME_SIZE = 254 }; /* the longest name, and NUL */

/* Which forms are read. */
enum { HOSTNAME_EXACT = 0, HOSTNAME_PATTERN = 1, HOSTNAME_ALL = 2 };

/* Writes the text in the form in which names are compared. forms: HOSTNAME_*, which forms beside a
 * name are allowed. False: it has none of these forms. */
bool hostname_read(const char *text, unsigned forms, char out[HOSTNAME_SIZE]);
/* Does `outer` stand for all that `inner` stands for? Both come from hostname_read. */
bool hostname_covers(const char *outer, const char *inner);
/* What is behind the first dot; NULL: there is none. */
const char *hostname_parent(const char *name);

#endif
