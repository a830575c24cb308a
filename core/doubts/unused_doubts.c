#include "doubts/unused_doubts.h"

#include <spore/acl.h>
#include <spore/auth.h>
#include <string.h>

#include "chain/plugin_set.h"
#include "config/shorthands.h"
#include "thread/guest.h"
#include "json/json.h"
#include "json/pointer.h"

static bool says_yes(struct instance *instance, int32_t (*decides_all)(void *instance))
{
	int32_t decides;

	guest_enter(instance->name, "decides_all");
	decides = decides_all(instance->self);
	guest_leave();
	return decides != 0;
}

static bool list_decides_all(struct instance *instance)
{
	const spore_acl_ops *ops = instance->component->ops;

	return SPORE_CAN(ops, decides_all) && says_yes(instance, ops->decides_all);
}

static bool auth_decides_all(struct instance *instance)
{
	const spore_auth_ops *ops = instance->component->ops;

	return SPORE_CAN(ops, decides_all) && says_yes(instance, ops->decides_all);
}

/* The chains whose instances are asked in order, until one decides. */
static const struct asked {
	uint32_t kind; /* SPORE_KIND_* */
	const char *noun, *about;
	bool (*decides_all)(struct instance *);
} asked[] = {
	{ SPORE_KIND_ACL, "access list", "connection", list_decides_all },
	{ SPORE_KIND_AUTH, "auth instance", "client", auth_decides_all },
};

/* NULL: instances of this kind are not asked one after another. */
static const struct asked *find_asked(uint32_t kind)
{
	for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
		if (asked[i].kind == kind)
			return &asked[i];
	}
	return NULL;
}

static bool decides_all_of(struct instance *instance, const char *identity)
{
	const spore_acl_ops *ops = instance->component->ops;
	int32_t decides;

	if (!SPORE_CAN(ops, decides_all_of))
		return list_decides_all(instance);
	guest_enter(instance->name, "decides_all_of");
	decides = ops->decides_all_of(instance->self, spore_cstr(identity));
	guest_leave();
	return decides != 0;
}

/* Of the first `n` instances, the first one that decides about each visitor of this identity's
 * tunnels. NULL: none does. */
static struct instance *find_decider(const struct chain *chain, size_t n, const char *identity)
{
	for (size_t i = 0; i < n; i++) {
		if (decides_all_of(chain->items[i], identity))
			return chain->items[i];
	}
	return NULL;
}

/* The deciders of the identities that one instance names. */
struct deciders {
	const struct instance *first;
	bool are_several, lacks_one;
};

static void note_decider(struct deciders *deciders, const struct instance *decider)
{
	if (!decider)
		deciders->lacks_one = true;
	else if (!deciders->first)
		deciders->first = decider;
	else if (deciders->first != decider)
		deciders->are_several = true;
}

static void find_deciders(const struct chain *chain, size_t at, const spore_option *row,
                          struct deciders *deciders)
{
	const void *field = (const char *)chain->items[at]->conf + row->offset;
	const spore_list *list = field;

	if (!(row->flags & SPORE_OPTF_IDENTITY) || row->type != SPORE_OPT_LIST ||
	    row->item->type != SPORE_OPT_STRING)
		return;
	for (size_t i = 0; i < list->count; i++)
		note_decider(deciders,
		             find_decider(chain, at, ((const char *const *)list->items)[i]));
}

/* Finds an access list that judges the visitors of some identities only, if earlier lists decide
 * about all of these visitors. */
static void check_identities(struct plugin_set *set, const struct chain *chain, size_t at)
{
	const struct instance *instance = chain->items[at];
	const spore_component *component = instance->component;
	struct option_table table = { component->options, component->n_options,
		                      component->option_size };
	struct deciders deciders = { 0 };
	char pointer[256];

	for (uint32_t i = 0; i < table.n; i++)
		find_deciders(chain, at, option_row(&table, i), &deciders);
	if (!deciders.first || deciders.lacks_one)
		return;
	json_pointer(deciders.first->raw, pointer, sizeof pointer);
	diag_add(&set->doubts, instance->raw,
	         "this access list is never asked about its identities: %s%s in front of it %s "
	         "about every visitor of their tunnels",
	         pointer, deciders.are_several ? " and others" : "",
	         deciders.are_several ? "decide" : "decides");
}

static void check_never_asked(struct plugin_set *set, const struct chain *chain,
                              const struct asked *row)
{
	char pointer[256];
	size_t last = 0;

	for (; last < chain->n && !row->decides_all(chain->items[last]); last++) {
		if (row->kind == SPORE_KIND_ACL)
			check_identities(set, chain, last);
	}
	if (last + 1 >= chain->n)
		return;
	json_pointer(chain->items[last]->raw, pointer, sizeof pointer);
	for (size_t i = last + 1; i < chain->n; i++)
		diag_add(&set->doubts, chain->items[i]->raw,
		         "this %s is never asked: %s in front of it decides about every %s",
		         row->noun, pointer, row->about);
}

/* A client has several auth instances, but answers with the first one. */
static void check_answerers(struct plugin_set *set)
{
	const struct chain *chain = set->chains[CHAIN_AUTH];

	for (size_t i = 1; i < chain->n; i++)
		diag_add(&set->doubts, chain->items[i]->raw,
		         "it is never used: a client answers with its first auth instance only");
}

static bool is_used(const struct settings *settings, const char *check)
{
	const struct tunnel_settings *tunnels = settings->tunnels.items;

	for (size_t i = 0; i < settings->tunnels.count; i++) {
		if (tunnels[i].check.use && strcmp(tunnels[i].check.use, check) == 0)
			return true;
	}
	return false;
}

static void check_checks(struct plugin_set *set)
{
	const struct chain *chain = set->chains[CHAIN_CHECKS];

	for (size_t i = 0; i < chain->n; i++) {
		const struct instance *check = chain->items[i];

		if (!is_used(&set->config->settings, check->name))
			diag_add(&set->doubts, check->raw,
			         "it is never used: no tunnel has \"check\": {\"use\": \"%s\"}",
			         check->name);
	}
}

void unused_doubts_find(struct plugin_set *set, size_t id)
{
	const struct asked *row = find_asked(set->config->chains[id].row->kind);

	/* The auth instances of a client give answers. They judge nobody. */
	if (row && set->config->role == ROLE_SERVER)
		check_never_asked(set, set->chains[id], row);
	else if (id == CHAIN_AUTH && set->config->role != ROLE_SERVER)
		check_answerers(set);
	else if (id == CHAIN_CHECKS)
		check_checks(set);
}
