/* registry - finds the component that "use" names in the configuration, on the plugin path.
 * [control]
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
	const char *path[REGISTRY_MAX_PATH]; /* folders in search order; borrowed from the config */
	size_t n_path;
	const char *lost; /* why the folders beside the executable are not among these; borrowed
	                   * from the config; NULL: they are */
	const struct registry_pin *pins;
	size_t n_pins;
	/* Called before a file is looked for; may be NULL. */
	void (*on_look)(void *arg, const char *path);
	void *look_arg;
};

/* NULL and *err: what is wrong, and which folders were searched. */
const spore_component *registry_find(struct registry *registry, uint32_t kind, const char *use,
                                     const struct loaded **plugin_out, struct err *err);
/* Searches the folders for a file of that name. */
bool registry_find_file(const struct registry *registry, const char *file, char path_out[PATH_MAX]);
/* The SHA-256 that the file of that name must have, as 64 hex digits; NULL: any. */
const char *registry_pin(const struct registry *registry, const char *file);

#endif
