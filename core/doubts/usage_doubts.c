#include "doubts/usage_doubts.h"

#include <stddef.h>

#include "chain/plugin_set.h"
#include "config/shorthands.h"
#include "json/json.h"

static const char *const byte_keys[] = { "bytes_per_day", "bytes_per_month" };

enum { N_BYTE_KEYS = sizeof byte_keys / sizeof *byte_keys };

/* The value that limits bytes in this object; NULL: none. */
static const struct json *find_byte_limit(const struct json *object)
{
	for (size_t i = 0; i < N_BYTE_KEYS; i++) {
		const struct json *node = json_get(object, byte_keys[i]);

		if (node && (node->type != JSON_NUMBER || node->number > 0))
			return node;
	}
	return NULL;
}

/* The value that limits the bytes of one client. The clients are the keys of an option, such as
 * "policy". NULL: none. */
static const struct json *find_client_limit(const struct instance *instance)
{
	const struct json *map = instance->raw ? instance->raw->first : NULL, *node = NULL;

	for (; map && !node; map = map->next) {
		const struct json *client = map->type == JSON_OBJECT ? map->first : NULL;

		for (; client && !node; client = client->next) {
			if (client->type == JSON_OBJECT)
				node = find_byte_limit(client);
		}
	}
	return node;
}

/* NULL: the configuration has no limit on bytes. The back-end of an auth plugin may have some. */
static const struct json *find_any_limit(const struct plugin_set *set)
{
	const struct limit_settings *limits = &set->config->settings.limits;
	const struct chain *auth = set->chains[CHAIN_AUTH];
	const struct json *node = NULL;

	if (limits->bytes_per_day || limits->bytes_per_month)
		node = find_byte_limit(json_get(json_doc_root(set->config->doc), "limits"));
	for (size_t i = 0; i < auth->n && !node; i++)
		node = find_client_limit(auth->items[i]);
	return node;
}

void usage_doubts_find(struct plugin_set *set)
{
	const struct json *root = json_doc_root(set->config->doc);
	const struct json *limit = find_any_limit(set);
	const struct json *file = json_get(json_get(root, "server"), "usage_file");

	if (set->config->role != ROLE_SERVER)
		return;
	if (limit && !set->config->settings.server.usage_file)
		diag_add(&set->doubts, limit,
		         "a restart of the server begins to count at 0: server.usage_file would "
		         "keep what was used");
	else if (!limit && file && set->chains[CHAIN_AUTH]->n == 0)
		diag_add(&set->doubts, file, "it has no effect: no client has a limit on bytes");
}
