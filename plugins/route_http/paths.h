/* paths - which names stand for paths of a host. */
#ifndef ROUTE_HTTP_PATHS_H
#define ROUTE_HTTP_PATHS_H

#include <stddef.h>

/* One rule: an option of the plugin. */
struct path_rule {
	const char *host, *path, *name;
};

/* The name for this path of the host, by the rule with the longest path that contains it. A path
 * contains itself and everything below it: "/a" contains "/a" and "/a/b", but not "/ab". NULL: no
 * rule. */
const char *paths_find(const struct path_rule *rules, size_t n, const char *host, const char *path);

#endif
