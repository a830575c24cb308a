/* paths - which names stand for paths of a host, and mistakes in such rules. */
#ifndef ROUTE_HTTP_PATHS_H
#define ROUTE_HTTP_PATHS_H

#include <stddef.h>

/* One rule: an option of the plugin. */
struct path_rule {
	const char *host, *path, *name;
};

/* The name for this path of the host, by the rule with the longest path that contains it. A path
 * contains itself and everything below it: "/a" contains "/a" and "/a/b", but not "/ab". A dot at
 * the end of a host does not count. NULL: no rule. */
const char *paths_find(const struct path_rule *rules, size_t n, const char *host, const char *path);

/* Why a rule could never apply, or not as it is meant. */
enum path_fault {
	PATH_GOOD,
	PATH_BAD_HOST, /* no request asks for such a host */
	PATH_NO_SLASH, /* it does not begin with "/", or is too long */
	PATH_UNKNOWN,  /* no path of a request has such characters */
	PATH_WILDCARD, /* it ends with "*", which would stand for itself */
	PATH_TWICE     /* an earlier rule has the same host and path */
};

/* The first fault of the rule of this index. */
enum path_fault paths_check(const struct path_rule *rules, size_t index);
/* The index of the earlier rule that has the same host and path; `index` if none has. */
size_t paths_find_twin(const struct path_rule *rules, size_t index);
/* For the operator; not for PATH_GOOD and PATH_TWICE. Static. */
const char *paths_fault_text(enum path_fault fault);

#endif
