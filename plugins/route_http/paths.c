#include "paths.h"

#include <string.h>
#include <strings.h>

static int contains(const char *outer, const char *path)
{
	size_t n = strlen(outer);

	return strncmp(outer, path, n) == 0 &&
	       (outer[n - 1] == '/' || path[n] == '\0' || path[n] == '/');
}

const char *paths_find(const struct path_rule *rules, size_t n, const char *host, const char *path)
{
	const struct path_rule *best = NULL;

	for (size_t i = 0; i < n; i++) {
		if (strcasecmp(rules[i].host, host) == 0 && contains(rules[i].path, path) &&
		    (!best || strlen(rules[i].path) > strlen(best->path)))
			best = &rules[i];
	}
	return best ? best->name : NULL;
}
