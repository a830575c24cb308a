#include "doubts/identity_doubts.h"

#include <spore/auth.h>

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

static void check_identity(struct plugin_set *set, const char *identity, const struct json *node)
{
	if (identity && !is_known(set, identity))
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
