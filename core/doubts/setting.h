/* setting - reads single settings of a configuration, for the checks of this folder. Internal to
 * doubts/. */
#ifndef CORE_SETTING_H
#define CORE_SETTING_H

#include <spore/plugin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chain/plugin_set.h"
#include "json/json.h"

/* The value in the configuration. NULL: the operator has not set the option. Only values that the
 * operator has set are doubted, never a default. */
static inline const struct json *setting_find(const struct plugin_set *set, const char *section,
                                              const char *key)
{
	return json_get(json_get(json_doc_root(set->config->doc), section), key);
}

/* The number at this offset in struct settings. It must be an int64_t there. */
static inline int64_t setting_number(const struct plugin_set *set, size_t offset)
{
	return *(const int64_t *)((const char *)&set->config->settings + offset);
}

/* Do two lists of spore_port_range have a port in common? */
static inline bool setting_overlaps(const spore_list *a, const spore_list *b)
{
	const spore_port_range *x = a->items, *y = b->items;

	for (size_t i = 0; i < a->count; i++) {
		for (size_t k = 0; k < b->count; k++) {
			if (x[i].lo <= y[k].hi && y[k].lo <= x[i].hi)
				return true;
		}
	}
	return false;
}

#endif
