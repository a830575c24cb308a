#include "paths.h"

#include <string.h>
#include <strings.h>

#include "head.h"

/* The length without the dot at the end, which stands for the root of the DNS. */
static size_t host_length(const char *host)
{
	size_t n = strlen(host);

	return n > 1 && host[n - 1] == '.' ? n - 1 : n;
}

static int are_same_hosts(const char *a, const char *b)
{
	size_t n = host_length(a);

	return n == host_length(b) && strncasecmp(a, b, n) == 0;
}

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
		if (are_same_hosts(rules[i].host, host) && contains(rules[i].path, path) &&
		    (!best || strlen(rules[i].path) > strlen(best->path)))
			best = &rules[i];
	}
	return best ? best->name : NULL;
}

/* ---- mistakes ---- */

/* Is it what head_take_host makes of a request's host? */
static int is_host(const char *host)
{
	char found[HEAD_HOST_SIZE];

	return head_take_host((const uint8_t *)host, strlen(host), found) &&
	       strlen(found) == strlen(host);
}

size_t paths_find_twin(const struct path_rule *rules, size_t index)
{
	size_t i = 0;

	while (i < index && (!are_same_hosts(rules[i].host, rules[index].host) ||
	                     strcmp(rules[i].path, rules[index].path) != 0))
		i++;
	return i;
}

enum path_fault paths_check(const struct path_rule *rules, size_t index)
{
	const char *path = rules[index].path;
	size_t n = strlen(path);

	if (!is_host(rules[index].host))
		return PATH_BAD_HOST;
	if (path[0] != '/' || n >= HEAD_PATH_SIZE / 2)
		return PATH_NO_SLASH;
	if (strcspn(path, " ?#\t\r\n") < n)
		return PATH_UNKNOWN;
	if (path[n - 1] == '*')
		return PATH_WILDCARD;
	return paths_find_twin(rules, index) < index ? PATH_TWICE : PATH_GOOD;
}

const char *paths_fault_text(enum path_fault fault)
{
	static const char *const texts[] = {
		[PATH_BAD_HOST] =
			"expected one host without a port, such as \"example.com\", and no "
			"pattern",
		[PATH_NO_SLASH] = "expected a path of at most 511 bytes that begins with \"/\"",
		[PATH_UNKNOWN] = "expected a path without a query, \"#\" or a space, as a request "
				 "has it",
		[PATH_WILDCARD] =
			"expected no \"*\" at the end: a path stands for everything below "
			"it, too",
	};

	return texts[fault];
}
