/* escape - puts a client's name into a DN (RFC 4514) or a filter (RFC 4515) as data, whatever its
 * bytes are.
 *
 * A pattern has %n for the name, %d for the DN of the client's entry, and %% for one %. */
#ifndef AUTH_LDAP_ESCAPE_H
#define AUTH_LDAP_ESCAPE_H

#include <spore/base.h>
#include <stdbool.h>

enum {
	ESCAPE_PATTERN_MAX = 1024, /* the longest pattern, in bytes */
	ESCAPE_DN_SIZE = 4096,     /* room for a DN, with its NUL */
	ESCAPE_FILTER_SIZE = 16384 /* room for a filter, with its NUL */
};

/* NULL, or what is wrong with a pattern: static. `letters` are those that may follow a %. [any] */
const char *escape_check(const char *pattern, const char *letters);
/* Writes the DN of a name, with a NUL. False: it is too long. [any] */
bool escape_dn(const char *pattern, const char *name, char out[ESCAPE_DN_SIZE]);
/* Writes the filter of a name, with a NUL. dn: NULL if the pattern has no %d. False: it is too
 * long. [any] */
bool escape_filter(const char *pattern, const char *name, const char *dn,
                   char out[ESCAPE_FILTER_SIZE]);

#endif
