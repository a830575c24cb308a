#include "client/order.h"

#include <stdlib.h>
#include <string.h>

#include "chain/plugin_set.h"
#include "client/match.h"

void order_release(struct order *order)
{
	if (atomic_fetch_sub(&order->refs, 1) > 1)
		return;
	plugin_set_unref(order->set);
	free(order);
}

static struct order *new_order(const struct order_terms *terms)
{
	size_t most = terms->now->count + terms->set->config->settings.tunnels.count;
	struct order *order = calloc(1, sizeof *order + most * sizeof *order->steps);

	if (!order)
		return NULL;
	order->client = terms->client;
	order->set = plugin_set_ref(terms->set);
	atomic_init(&order->refs, terms->spec->n_workers + 1);
	return order;
}

void order_drop(struct order *order)
{
	for (size_t i = 0; i < order->n; i++) {
		if (order->steps[i].kind == STEP_JOIN)
			client_tunnel_free(order->steps[i].tunnel);
	}
	plugin_set_unref(order->set);
	free(order);
}

/* False: out of memory. */
static bool add_new(struct order *order, const struct order_terms *terms,
                    const struct tunnel_settings *settings, struct client_tunnel *before)
{
	struct client_tunnel_spec spec = *terms->spec;
	struct step *step = &order->steps[order->n];

	spec.config = order->set->config;
	spec.settings = settings;
	*step = (struct step){ .kind = STEP_JOIN, .settings = settings, .before = before };
	step->tunnel = client_tunnel_new(&spec);
	order->n += step->tunnel != NULL;
	return step->tunnel != NULL;
}

/* A tunnel goes on unless it has ended for good, which another attempt may change. */
static bool goes_on(const struct order_terms *terms, const struct match *match)
{
	return match->is_same && !atomic_load(&terms->tunnels[match->before]->has_ended);
}

/* The tunnel with the index `before` goes on with these settings. */
static struct step step_of_use(const struct order_terms *terms, size_t before,
                               const struct tunnel_settings *settings)
{
	const struct tunnel_settings *now = terms->now->items;

	return (struct step){ .kind = STEP_USE,
		              .tunnel = terms->tunnels[before],
		              .settings = settings,
		              .is_renamed = strcmp(now[before].name, settings->name) != 0 };
}

static void add_ends(struct order *order, const struct order_terms *terms,
                     const struct match *matches)
{
	size_t n = terms->set->config->settings.tunnels.count;

	for (size_t i = 0; i < terms->now->count; i++) {
		bool stays = false;

		for (size_t k = 0; k < n && !stays; k++)
			stays = matches[k].before == i && goes_on(terms, &matches[k]);
		if (!stays)
			order->steps[order->n++] = (struct step){ .kind = STEP_LEAVE,
				                                  .tunnel = terms->tunnels[i] };
	}
}

/* False: out of memory. */
static bool fill(struct order *order, const struct order_terms *terms, const struct match *matches)
{
	const spore_list *next = &terms->set->config->settings.tunnels;
	const struct tunnel_settings *tunnels = next->items;

	add_ends(order, terms, matches);
	for (size_t i = 0; i < next->count; i++) {
		size_t before = matches[i].before;

		if (before != MATCH_NONE && goes_on(terms, &matches[i]))
			order->steps[order->n++] = step_of_use(terms, before, &tunnels[i]);
		else if (!add_new(order, terms, &tunnels[i],
		                  before == MATCH_NONE ? NULL : terms->tunnels[before]))
			return false;
	}
	return true;
}

struct order *order_plan(const struct order_terms *terms)
{
	const spore_list *next = &terms->set->config->settings.tunnels;
	struct match *matches = calloc(next->count, sizeof *matches);
	struct order *order = new_order(terms);
	bool is_complete = false;

	if (matches && order) {
		match_tunnels(terms->now, next, matches);
		is_complete = fill(order, terms, matches);
	}
	if (order && !is_complete) {
		order_drop(order);
		order = NULL;
	}
	free(matches);
	return order;
}
