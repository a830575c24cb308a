#include "plugin/registry.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *registry_kind_name(uint32_t kind)
{
	static const char *const names[] = {
		[SPORE_KIND_AUTH] = "auth",
		[SPORE_KIND_TRANSPORT] = "transport",
		[SPORE_KIND_ACL] = "acl",
		[SPORE_KIND_METRICS] = "metrics",
	};

	return kind < sizeof names / sizeof *names ? names[kind] : NULL;
}

/* "acme:ldap" → file "acme.so", name "ldap"; "hmac" → file "auth_hmac.so", name "hmac". */
static const char *split_use(uint32_t kind, const char *use, char *file, size_t size)
{
	const char *colon = strchr(use, ':');

	if (colon) {
		snprintf(file, size, "%.*s.so", (int)(colon - use), use);
		return colon + 1;
	}
	snprintf(file, size, "%s_%s.so", registry_kind_name(kind), use);
	return use;
}

static const char *pin_of(const struct registry *registry, const char *file)
{
	for (size_t i = 0; i < registry->n_pins; i++) {
		if (strcmp(registry->pins[i].file, file) == 0)
			return registry->pins[i].digest;
	}
	return NULL;
}

static bool find_file(const struct registry *registry, const char *file, char path[PATH_MAX],
                      struct err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < registry->n_path; i++) {
		snprintf(path, PATH_MAX, "%s/%s", registry->path[i], file);
		if (access(path, F_OK) == 0)
			return true;
	}
	err_set(err, "there is no %s in", file);
	n = strlen(err->text);
	for (size_t i = 0; i < registry->n_path && n < sizeof err->text; i++) {
		snprintf(err->text + n, sizeof err->text - n, "%s %s", i ? "," : "", registry->path[i]);
		n = strlen(err->text);
	}
	return false;
}

const spore_component *registry_find(struct registry *registry, uint32_t kind, const char *use,
                                     const struct loaded **plugin_out, struct err *err)
{
	char file[256], path[PATH_MAX];
	const char *name = split_use(kind, use, file, sizeof file);
	const struct loaded *loaded;

	if (strchr(use, '/')) {
		err_set(err, "expected a plugin's name without slashes, found \"%s\"", use);
		return NULL;
	}
	if (!find_file(registry, file, path, err))
		return NULL;
	loaded = loader_load(&registry->loader, path, pin_of(registry, file), err);
	if (!loaded)
		return NULL;
	for (const spore_component *const *c = loaded->plugin->components; *c; c++) {
		if ((*c)->kind == kind && strcmp((*c)->name, name) == 0) {
			*plugin_out = loaded;
			return *c;
		}
	}
	err_set(err, "plugin %s has no %s component \"%s\"", path, registry_kind_name(kind), name);
	return NULL;
}
