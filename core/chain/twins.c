#include "chain/twins.h"

#include <stdlib.h>
#include <string.h>

#include "chain/plugin_set.h"
#include "config/shorthands.h"
#include "diag/diag.h"
#include "json/json.h"
#include "json/pointer.h"

/* A secret that says who a client is. */
struct proof {
	spore_str secret;        /* borrowed from the instance */
	const struct json *node; /* where the configuration has it */
	size_t instance;         /* in the chain */
};

struct proofs {
	struct proof *items; /* owned */
	size_t n;
	bool counts_only; /* nothing is stored */
};

static void add_proof(struct proofs *proofs, spore_str secret, const struct json *node,
                      size_t instance)
{
	if (!proofs->counts_only)
		proofs->items[proofs->n] = (struct proof){ secret, node, instance };
	proofs->n++;
}

static void add_row(struct proofs *proofs, const struct instance *instance, size_t index,
                    const spore_option *row)
{
	const struct json *node = json_get(instance->raw, row->name);
	const void *field = (const char *)instance->conf + row->offset;
	const struct json *child = node && node->type == JSON_OBJECT ? node->first : NULL;
	const spore_map *map = field;

	if (!(row->flags & SPORE_OPTF_UNIQUE) || !node)
		return;
	if (row->type == SPORE_OPT_SECRET)
		add_proof(proofs, *(const spore_str *)field, node, index);
	for (size_t i = 0; row->type == SPORE_OPT_MAP && i < map->count; i++) {
		add_proof(proofs, ((const spore_str *)map->items)[i], child ? child : node, index);
		child = child ? child->next : NULL;
	}
}

static void add_proofs(struct proofs *proofs, const struct chain *chain)
{
	proofs->n = 0;
	for (size_t i = 0; i < chain->n; i++) {
		const spore_component *component = chain->items[i]->component;
		struct option_table table = { component->options, component->n_options,
			                      component->option_size };

		for (uint32_t k = 0; k < table.n; k++)
			add_row(proofs, chain->items[i], i, option_row(&table, k));
	}
}

static int compare_secrets(const struct proof *a, const struct proof *b)
{
	if (a->secret.len != b->secret.len)
		return a->secret.len < b->secret.len ? -1 : 1;
	return memcmp(a->secret.ptr, b->secret.ptr, a->secret.len);
}

static int compare_proofs(const void *a, const void *b)
{
	const struct proof *x = a, *y = b;
	int order = compare_secrets(x, y);

	if (order == 0 && x->instance != y->instance)
		order = x->instance < y->instance ? -1 : 1;
	return order;
}

/* Equal secrets within an instance are its own business. */
static void report_equal(struct plugin_set *set, struct proofs *proofs)
{
	char pointer[512];

	qsort(proofs->items, proofs->n, sizeof *proofs->items, compare_proofs);
	for (size_t i = 1; i < proofs->n; i++) {
		const struct proof *one = &proofs->items[i - 1], *other = one + 1;

		if (compare_secrets(one, other) != 0 || one->instance == other->instance)
			continue;
		json_pointer(one->node, pointer, sizeof pointer);
		diag_add(&set->doubts, other->node,
		         "the same secret as %s: who knows it can pass for a client of both",
		         pointer);
	}
}

void twins_find(struct plugin_set *set)
{
	const struct chain *chain = set->chains[CHAIN_AUTH];
	struct proofs proofs = { .counts_only = true };

	if (set->config->role != ROLE_SERVER || chain->n < 2)
		return;
	add_proofs(&proofs, chain);
	proofs = (struct proofs){ .items = calloc(proofs.n + 1, sizeof *proofs.items) };
	if (!proofs.items)
		return;
	add_proofs(&proofs, chain);
	report_equal(set, &proofs);
	free(proofs.items);
}
