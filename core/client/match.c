#include "client/match.h"

#include <string.h>

#include "config/settings.h"

typedef bool (*same_fn)(const struct tunnel_settings *a, const struct tunnel_settings *b);

static bool has_same_name(const struct tunnel_settings *a, const struct tunnel_settings *b)
{
	return strcmp(a->name, b->name) == 0;
}

static bool has_same_port(const struct tunnel_settings *a, const struct tunnel_settings *b)
{
	return a->port == b->port && a->port != 0;
}

static bool has_same_service(const struct tunnel_settings *a, const struct tunnel_settings *b)
{
	if (a->local_path || b->local_path)
		return a->local_path && b->local_path && strcmp(a->local_path, b->local_path) == 0;
	return strcmp(a->local_host, b->local_host) == 0 && a->local_port == b->local_port;
}

static bool says_the_same(const struct tunnel_settings *a, const struct tunnel_settings *b)
{
	if (a->n_about != b->n_about)
		return false;
	for (size_t i = 0; i < a->n_about; i++) {
		if (strcmp(a->about[i], b->about[i]) != 0)
			return false;
	}
	return true;
}

bool match_continues(const struct match *matches, size_t n, size_t before)
{
	for (size_t i = 0; i < n; i++) {
		if (matches[i].before == before)
			return true;
	}
	return false;
}

/* Among the tunnels that nobody continues yet. */
static size_t find_before(const spore_list *now, const struct tunnel_settings *wanted,
                          const struct match *matches, size_t n, same_fn is_same)
{
	const struct tunnel_settings *tunnels = now->items;

	for (size_t i = 0; i < now->count; i++) {
		if (is_same(&tunnels[i], wanted) && !match_continues(matches, n, i))
			return i;
	}
	return MATCH_NONE;
}

static void match_by(const spore_list *now, const spore_list *next, same_fn is_same,
                     struct match *matches)
{
	const struct tunnel_settings *tunnels = next->items;

	for (size_t i = 0; i < next->count; i++) {
		if (matches[i].before == MATCH_NONE)
			matches[i].before = find_before(now, &tunnels[i], matches, next->count,
			                                is_same);
	}
}

void match_tunnels(const spore_list *now, const spore_list *next, struct match *matches_out)
{
	const struct tunnel_settings *from = now->items, *to = next->items;

	for (size_t i = 0; i < next->count; i++)
		matches_out[i] = (struct match){ .before = MATCH_NONE };
	match_by(now, next, has_same_name, matches_out);
	match_by(now, next, has_same_port, matches_out);
	match_by(now, next, has_same_service, matches_out);
	for (size_t i = 0; i < next->count; i++) {
		const struct tunnel_settings *before;

		if (matches_out[i].before == MATCH_NONE)
			continue;
		before = &from[matches_out[i].before];
		matches_out[i].is_same = before->port == to[i].port &&
		                         says_the_same(before, &to[i]);
	}
}
