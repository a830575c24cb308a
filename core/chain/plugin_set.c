#include "chain/plugin_set.h"

#include <spore/auth.h>
#include <stdlib.h>

#include "diag/diag.h"
#include "host/listeners.h"

/* The lower half of a value of needs_challenge() says what the instance needs, the upper half what
 * it accepts. */
enum { NEEDS_MASK = 0xFFFF, ACCEPTS_SHIFT = 16 };

void plugin_set_complete(struct plugin_set *set)
{
	const struct chain *auth = set->chains[CHAIN_AUTH];

	for (size_t i = 0; i < auth->n; i++) {
		uint32_t needs = auth->items[i]->challenge & NEEDS_MASK;

		set->needs_challenge = set->needs_challenge || needs != SPORE_CHALLENGE_NONE;
		set->binds = set->binds || needs == SPORE_CHALLENGE_BINDS;
		set->accepts |= auth->items[i]->challenge >> ACCEPTS_SHIFT &
		                (SPORE_OFFER_SIGNATURES | SPORE_OFFER_PASSWORDS);
	}
}

struct plugin_set *plugin_set_new(struct config *config)
{
	struct plugin_set *set = calloc(1, sizeof *set);

	if (set)
		set->chains = calloc(config->n_chains, sizeof(struct chain *));
	if (!set || !set->chains) {
		free(set);
		return NULL;
	}
	atomic_init(&set->refs, 1);
	set->config = config_ref(config);
	return set;
}

/* ---- the same set with other instances ---- */

static struct instance *find_fresh(const struct plugin_swap *swaps, size_t n,
                                   const struct instance *old)
{
	for (size_t i = 0; i < n; i++) {
		if (swaps[i].old == old && swaps[i].fresh)
			return swaps[i].fresh;
	}
	return NULL;
}

/* Returns a reference to a copy of the chain, or to the chain itself if nothing in it is replaced.
 * NULL: out of memory. */
static struct chain *swap_in_chain(struct chain *from, const struct plugin_swap *swaps, size_t n)
{
	struct chain *chain;
	bool is_same = true;

	for (size_t i = 0; i < from->n; i++)
		is_same = is_same && !find_fresh(swaps, n, from->items[i]);
	if (is_same)
		return chain_ref(from);
	chain = chain_new(from->n);
	if (chain) {
		chain->conn_attrs = from->conn_attrs;
		chain->may_be_secure = from->may_be_secure;
	}
	for (size_t i = 0; chain && i < from->n; i++) {
		struct instance *fresh = find_fresh(swaps, n, from->items[i]);

		chain->items[chain->n++] = instance_ref(fresh ? fresh : from->items[i]);
	}
	return chain;
}

struct plugin_set *plugin_set_swap(const struct plugin_set *from, const struct plugin_swap *swaps,
                                   size_t n)
{
	struct plugin_set *set = plugin_set_new(from->config);
	bool is_complete = true;

	if (!set)
		return NULL;
	for (size_t i = 0; i < set->config->n_chains; i++) {
		set->chains[i] = swap_in_chain(from->chains[i], swaps, n);
		is_complete = is_complete && set->chains[i];
	}
	if (!is_complete) {
		plugin_set_unref(set);
		return NULL;
	}
	plugin_set_complete(set);
	return set;
}

bool plugin_set_has(const struct plugin_set *set, const struct instance *instance)
{
	for (size_t id = 0; id < set->config->n_chains; id++) {
		const struct chain *chain = set->chains[id];

		for (size_t i = 0; chain && i < chain->n; i++) {
			if (chain->items[i] == instance)
				return true;
		}
	}
	return false;
}

bool plugin_set_judges_alike(const struct plugin_set *set, const struct plugin_set *before,
                             const struct instance *by)
{
	const struct chain *now = set->chains[CHAIN_AUTH], *then = before->chains[CHAIN_AUTH];

	if (!by)
		return now->n == 0 && then->n == 0;
	for (size_t i = 0; i < now->n && i < then->n && now->items[i] == then->items[i]; i++) {
		if (now->items[i] == by)
			return true;
	}
	return false;
}

static bool start_chain(const struct chain *chain, struct loop *const *loops, struct err *err)
{
	for (size_t i = 0; i < chain->n; i++) {
		if (!instance_start(chain->items[i], loops, err))
			return false;
	}
	return true;
}

static bool await_chain(const struct chain *chain, const struct patience *patience, struct err *err)
{
	for (size_t i = 0; i < chain->n; i++) {
		if (!instance_await(chain->items[i], patience, err))
			return false;
	}
	return true;
}

/* All are started before the first is awaited, so that they become ready side by side. */
bool plugin_set_start(struct plugin_set *set, bool exporters, struct loop *const *loops,
                      const struct patience *patience, struct err *err)
{
	bool good = true;

	for (size_t i = 0; i < set->config->n_chains && good; i++) {
		if (exporters || !set->config->chains[i].row->exports)
			good = start_chain(set->chains[i], loops, err);
	}
	for (size_t i = 0; i < set->config->n_chains && good; i++)
		good = await_chain(set->chains[i], patience, err);
	return good;
}

void plugin_set_end_exporters(struct plugin_set *set)
{
	for (size_t i = 0; i < N_CHAINS; i++) {
		if (!chain_rows[i].exports)
			continue;
		chain_unref(set->chains[i]);
		set->chains[i] = NULL;
	}
}

/* A chain of the instances that do not listen. NULL: out of memory. */
static struct chain *copy_without_listeners(const struct chain *from)
{
	struct chain *chain = chain_new(from->n);

	for (size_t i = 0; chain && i < from->n; i++) {
		if (!listeners_has(&from->items[i]->listeners))
			chain->items[chain->n++] = instance_ref(from->items[i]);
	}
	return chain;
}

void plugin_set_end_listeners(struct plugin_set *set)
{
	for (size_t i = 0; i < N_CHAINS; i++) {
		struct chain *old = set->chains[i], *rest;

		if (!chain_rows[i].exports || !old)
			continue;
		rest = copy_without_listeners(old);
		if (!rest)
			continue;
		set->chains[i] = rest;
		chain_unref(old);
	}
}

struct chain *chain_new(size_t most)
{
	struct chain *chain = calloc(1, sizeof *chain + most * sizeof(struct instance *));

	if (chain)
		atomic_init(&chain->refs, 1);
	return chain;
}

struct chain *chain_ref(struct chain *chain)
{
	atomic_fetch_add_explicit(&chain->refs, 1, memory_order_relaxed);
	return chain;
}

void chain_unref(struct chain *chain)
{
	if (!chain || atomic_fetch_sub_explicit(&chain->refs, 1, memory_order_acq_rel) > 1)
		return;
	for (size_t i = 0; i < chain->n; i++)
		instance_unref(chain->items[i]);
	free(chain);
}

struct plugin_set *plugin_set_ref(struct plugin_set *set)
{
	atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
	return set;
}

void plugin_set_unref(struct plugin_set *set)
{
	if (!set || atomic_fetch_sub_explicit(&set->refs, 1, memory_order_acq_rel) > 1)
		return;
	for (size_t i = 0; i < set->config->n_chains; i++)
		chain_unref(set->chains[i]);
	free(set->chains);
	diag_fini(&set->doubts);
	config_unref(set->config);
	free(set);
}
