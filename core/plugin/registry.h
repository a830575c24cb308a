/* registry - what "use" names in the configuration, found on the plugin path. [main]
 *
 *   "use": "hmac"        the component hmac of auth_hmac.so (kind, underscore, name)
 *   "use": "acme:ldap"   the component ldap of acme.so
 */
#ifndef CORE_REGISTRY_H
#define CORE_REGISTRY_H

#include <limits.h>

#include "plugin/loader.h"

#define REGISTRY_MAX_PATH 16

struct registry_pin {
	const char *file, *digest; /* "auth_acme.so", 64 hex digits; borrowed from the config */
};

struct registry {
	struct loader loader;
	const char
		*path[REGISTRY_MAX_PATH]; /* folders, searched in order; borrowed from the config */
	size_t n_path;
	const struct registry_pin *pins;
	size_t n_pins;
	void (*on_look)(void *arg,
	                const char *path); /* a file is about to be looked for; may be NULL */
	void *look_arg;
};

/* NULL and *err: where was looked, and what is wrong. */
const spore_component *registry_find(struct registry *registry, uint32_t kind, const char *use,
                                     const struct loaded **plugin_out, struct err *err);
/* The first folder's file of that name. */
bool registry_find_file(const struct registry *registry, const char *file, char path_out[PATH_MAX]);
/* What the file of that name must have, as 64 hex digits; NULL: nothing is asked of it. */
const char *registry_pin(const struct registry *registry, const char *file);
/* "auth", "transport", "acl", "metrics"; NULL for an unknown kind. */
const char *registry_kind_name(uint32_t kind);

#endif
