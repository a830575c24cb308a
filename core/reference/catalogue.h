/* catalogue - every component that a start would find on the plugin path, and what "use" says for
 * it: what there is to configure. [main] */
#ifndef CORE_CATALOGUE_H
#define CORE_CATALOGUE_H

#include <spore/plugin.h>
#include <stdbool.h>
#include <stddef.h>

#include "option/table.h"

struct registry;

struct catalogue_entry {
	const spore_component *component; /* of a known kind; lives as long as the process */
	char *use, *use_by_file;          /* "hmac", "auth_hmac:hmac"; both alike for "acme:ldap" */
};

/* Zero-initialized is empty. */
struct catalogue {
	struct catalogue_entry *entries; /* in the order of the path */
	size_t n;
	bool out_of_memory;
};

/* Loads every plugin that would be found, as at a start. A plugin that is refused is told on
 * standard error and left out. False: memory was out, or a folder could not be read, which has been
 * told. */
bool catalogue_read(struct catalogue *catalogue, struct registry *registry);
void catalogue_fini(struct catalogue *catalogue);
struct option_table catalogue_options(const struct catalogue_entry *entry);
/* The option that a shorthand's target means, a plugin's, too; NULL: it is an entry, or nobody has
 * it. */
const spore_option *catalogue_target(const struct catalogue *catalogue, unsigned role,
                                     const char *target);
/* The kind of instances that the row of a section ("": the root) holds; NULL: it holds none. */
const char *catalogue_chain_kind(const char *section, const spore_option *row);

#endif
