#include "chain/renewal.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain/maker.h"
#include "diag/diag.h"
#include "log/log.h"
#include "metrics/families.h"
#include "services/host.h"

/* A file with thousands of mistakes must not flood the log. */
enum { MISTAKES_SHOWN = 10 };

bool renewal_add(struct renewal *renewal, const struct instance *old)
{
	struct renewal_item *more = realloc(renewal->items, (renewal->n + 1) * sizeof *more);

	if (!more)
		return false;
	renewal->items = more;
	renewal->items[renewal->n++] = (struct renewal_item){ .old = old };
	return true;
}

/* ---- what became of an instance ---- */

static void count_renewal(const struct renewal_item *item, const char *outcome)
{
	struct metrics *metrics = host_metrics();
	uint32_t series = family_series(metrics, FAMILY_PLUGIN_RENEWALS,
	                                (const char *const[]){ item->old->name, outcome });

	metrics_add(metrics, METRICS_SHARED, series, 1);
}

static const char *shown_files(const struct renewal_item *item)
{
	return item->files ? item->files : "";
}

struct refusal_log {
	const struct renewal_item *item;
	unsigned n_mistakes; /* so far */
};

static void log_mistake(const struct diag_mistake *mistake, void *arg)
{
	struct refusal_log *log = arg;
	bool has_place = mistake->line != 0;
	char place[PATH_MAX + 32];

	if (log->n_mistakes++ >= MISTAKES_SHOWN)
		return;
	snprintf(place, sizeof place, "%s:%u:%u", mistake->source ? mistake->source : "",
	         mistake->line, mistake->column);
	/* The plugin's text says where the mistake is in its file, `place` where the option is in
	 * the configuration. */
	log_event(LOG_ERROR, "a changed file was refused, the old version stays in use",
	          (const struct log_field[]){ log_str("plugin", log->item->old->name),
	                                      log_str("file", shown_files(log->item)),
	                                      log_str("pointer", mistake->pointer),
	                                      log_str("error", mistake->text),
	                                      log_str("place", place) },
	          has_place ? 5 : 4);
}

static void log_refusal(const struct renewal_item *item, const struct diag *diag)
{
	struct refusal_log log = { item, 0 };

	diag_each(diag, log_mistake, &log);
	if (log.n_mistakes > MISTAKES_SHOWN)
		log_error("a changed file has more mistakes", log_str("plugin", item->old->name),
		          log_str("file", shown_files(item)),
		          log_int("not_shown", log.n_mistakes - MISTAKES_SHOWN));
	count_renewal(item, "refused");
}

void renewal_log(const struct renewal *renewal)
{
	for (size_t i = 0; i < renewal->n; i++) {
		const struct renewal_item *item = &renewal->items[i];

		if (!item->fresh)
			continue;
		log_info("a changed file is in use", log_str("plugin", item->fresh->name),
		         log_str("file", shown_files(item)));
		count_renewal(item, "renewed");
	}
}

/* ---- making them ---- */

/* Finds the instance in the set. Its entry has the same place in the configuration. False: the
 * instance is not in the set. */
static bool find_entry(const struct plugin_set *set, const struct instance *instance,
                       struct maker_order *order_out)
{
	for (size_t id = 0; id < set->config->n_chains; id++) {
		const struct chain *chain = set->chains[id];

		for (size_t i = 0; i < chain->n; i++) {
			if (chain->items[i] != instance)
				continue;
			order_out->row = set->config->chains[id].row;
			if (chain_below(id) != id) { /* a transport is told nothing of transports */
				const struct chain *below = set->chains[chain_below(id)];

				order_out->conn_attrs = below->conn_attrs;
				order_out->may_be_secure = below->may_be_secure;
			}
			order_out->entry = &set->config->chains[id].items[i];
			return true;
		}
	}
	return false;
}

static struct instance *make_instance(const struct renewal_item *item,
                                      const struct renewal_terms *terms, struct json_doc *doc,
                                      struct diag *diag)
{
	struct instance *old = (struct instance *)(uintptr_t)item->old;
	struct maker maker = { terms->set->config, terms->retirer, terms->n_workers, diag };
	struct maker_order order = { .component = old->component,
		                     .plugin = old->plugin,
		                     .previous = old,
		                     .inherits = &old->hand_on,
		                     .doc = doc };

	if (!find_entry(terms->set, old, &order)) {
		diag_add(diag, NULL, "the instance is not in use any more");
		return NULL;
	}
	return maker_make(&maker, &order);
}

/* On a failure the instance is given back. */
static bool start_instance(struct instance *instance, const struct renewal_terms *terms,
                           struct diag *diag)
{
	struct err err;

	if (instance_start(instance, terms->loops, &err) &&
	    instance_await(instance, terms->patience, &err))
		return true;
	diag_add(diag, NULL, "%s", err.text);
	instance_unref(instance);
	return false;
}

static void renew_item(struct renewal_item *item, const struct renewal_terms *terms)
{
	struct json_doc *doc = json_doc_new();
	struct diag diag = { 0 };
	struct instance *fresh;

	item->files = files_name_changed(&item->old->files);
	fresh = doc ? make_instance(item, terms, doc, &diag) : NULL;
	if (fresh && start_instance(fresh, terms, &diag)) {
		item->fresh = fresh;
	} else {
		if (diag.count == 0)
			diag_add(&diag, NULL, "out of memory");
		log_refusal(item, &diag);
	}
	if (!fresh)
		json_doc_free(doc); /* only now: the mistakes point into it */
	diag_fini(&diag);
}

struct plugin_set *renewal_make(struct renewal *renewal, const struct renewal_terms *terms)
{
	struct plugin_swap *swaps = calloc(renewal->n, sizeof *swaps);
	struct plugin_set *set = NULL;
	bool is_out_of_memory;
	size_t n = 0;

	for (size_t i = 0; swaps && i < renewal->n; i++) {
		struct renewal_item *item = &renewal->items[i];

		renew_item(item, terms);
		if (item->fresh)
			swaps[n++] = (struct plugin_swap){ item->old, item->fresh };
	}
	if (n > 0)
		set = plugin_set_swap(terms->set, swaps, n);
	is_out_of_memory = !swaps || (n > 0 && !set);
	if (is_out_of_memory)
		log_error("changed files are not used", log_str("error", "out of memory"));
	free(swaps);
	return set;
}

void renewal_fini(struct renewal *renewal)
{
	for (size_t i = 0; i < renewal->n; i++) {
		instance_unref(renewal->items[i].fresh);
		free(renewal->items[i].files);
	}
	free(renewal->items);
	*renewal = (struct renewal){ NULL, 0 };
}
