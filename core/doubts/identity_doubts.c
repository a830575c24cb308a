#include "doubts/identity_doubts.h"

#include <spore/auth.h>
#include <stdlib.h>

#include "base/text.h"
#include "chain/plugin_set.h"
#include "thread/guest.h"
#include "json/json.h"

/* False if the instance says that it never gives a client this identity. */
static bool may_have(struct instance *instance, spore_str identity)
{
	const spore_auth_ops *ops = instance->component->ops;
	int32_t has;

	if (!SPORE_CAN(ops, has_identity))
		return true;
	guest_enter(instance->name, "has_identity");
	has = ops->has_identity(instance->self, identity);
	guest_leave();
	return has != 0;
}

static bool is_known(const struct plugin_set *set, const char *identity)
{
	const struct chain *auth = set->chains[CHAIN_AUTH];

	for (size_t i = 0; i < auth->n; i++) {
		if (may_have(auth->items[i], spore_cstr(identity)))
			return true;
	}
	return false;
}

/* The keys of the instance's objects, such as "secrets", that are identities. Adds them to `names`,
 * which has room for all, and returns how many there are. names NULL: only counts the keys. */
static size_t find_identities(const struct plugin_set *set, const struct instance *instance,
                              const char **names)
{
	const struct json *option = instance->raw ? instance->raw->first : NULL;
	size_t n = 0;

	for (; option; option = option->next) {
		const struct json *key = option->type == JSON_OBJECT ? option->first : NULL;

		for (; key; key = key->next) {
			if (names && !is_known(set, key->key))
				continue;
			if (names)
				names[n] = key->key;
			n++;
		}
	}
	return n;
}

/* NULL: the configuration has none like it. */
static const char *find_similar(const struct plugin_set *set, const char *identity)
{
	const struct chain *auth = set->chains[CHAIN_AUTH];
	const char **names, *similar;
	size_t n = 0;

	for (size_t i = 0; i < auth->n; i++)
		n += find_identities(set, auth->items[i], NULL);
	names = calloc(n + 1, sizeof *names);
	n = 0;
	for (size_t i = 0; names && i < auth->n; i++)
		n += find_identities(set, auth->items[i], names + n);
	similar = names ? text_suggest(identity, names, n) : NULL;
	free(names);
	return similar;
}

static void check_identity(struct plugin_set *set, const char *identity, const struct json *node)
{
	const char *similar;

	if (!identity || is_known(set, identity))
		return;
	similar = find_similar(set, identity);
	if (similar)
		diag_add(&set->doubts, node,
		         "no auth plugin knows the identity \"%s\", so this applies to nobody: did "
		         "you mean \"%s\"?",
		         identity, similar);
	else
		diag_add(&set->doubts, node,
		         "no auth plugin knows the identity \"%s\", so this applies to nobody",
		         identity);
}

/* The elements of a list from a file have no place in the configuration. Then the place of the
 * option is reported. */
static void check_list(struct plugin_set *set, const spore_list *list, const struct json *node)
{
	const struct json *child = node && node->type == JSON_ARRAY ? node->first : NULL;

	for (size_t i = 0; i < list->count; i++, child = child ? child->next : NULL)
		check_identity(set, ((const char *const *)list->items)[i], child ? child : node);
}

static void check_row(struct plugin_set *set, const struct instance *instance,
                      const spore_option *row)
{
	const struct json *node = json_get(instance->raw, row->name);
	const void *field = (const char *)instance->conf + row->offset;

	if (!(row->flags & SPORE_OPTF_IDENTITY) || !node)
		return;
	if (row->type == SPORE_OPT_STRING)
		check_identity(set, *(const char *const *)field, node);
	else if (row->type == SPORE_OPT_LIST && row->item->type == SPORE_OPT_STRING)
		check_list(set, field, node);
}

void identity_doubts_find(struct plugin_set *set, const struct instance *instance)
{
	const spore_component *component = instance->component;
	struct option_table table = { component->options, component->n_options,
		                      component->option_size };

	for (uint32_t i = 0; i < table.n; i++)
		check_row(set, instance, option_row(&table, i));
}
