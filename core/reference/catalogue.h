/* catalogue - every component that a start would find on the plugin path, and how "use" names it.
 * [main] */
#ifndef CORE_CATALOGUE_H
#define CORE_CATALOGUE_H

#include <spore/plugin.h>
#include <stdbool.h>
#include <stddef.h>

#include "option/table.h"

struct registry;

struct catalogue_entry {
	const spore_component *component; /* of a known kind; lives as long as the process */
	/* Owned. "hmac" and "auth_hmac:hmac"; the same text twice for "acme:ldap". */
	char *use, *use_by_file;
};

/* Zero-initialized is empty. */
struct catalogue {
	struct catalogue_entry *entries; /* in the order of the path */
	size_t n;
	bool out_of_memory;
};

/* Loads every plugin that a start would find. A plugin that is refused is left out, with a warning
 * on standard error. False: out of memory, or a folder could not be read; the error is printed. */
bool catalogue_read(struct catalogue *catalogue, struct registry *registry);
void catalogue_fini(struct catalogue *catalogue);
struct option_table catalogue_options(const struct catalogue_entry *entry);
/* The option, of the core or of a plugin, that the target of a shorthand refers to. NULL: the
 * target is an entry of a chain, or no such option is known. */
const spore_option *catalogue_target(const struct catalogue *catalogue, unsigned role,
                                     const char *target);

#endif
