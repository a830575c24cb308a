#include "plugin/registry.h"

#include <dirent.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "plugin/kind.h"

/* "acme:ldap" → file "acme.so", name "ldap"; "hmac" → file "auth_hmac.so", name "hmac". */
static const char *split_use(uint32_t kind, const char *use, char *file, size_t size)
{
	const char *colon = strchr(use, ':');

	if (colon) {
		snprintf(file, size, "%.*s.so", (int)(colon - use), use);
		return colon + 1;
	}
	snprintf(file, size, "%s_%s.so", kind_name(kind), use);
	return use;
}

const char *registry_pin(const struct registry *registry, const char *file)
{
	for (size_t i = 0; i < registry->n_pins; i++) {
		if (strcmp(registry->pins[i].file, file) == 0)
			return registry->pins[i].digest;
	}
	return NULL;
}

bool registry_find_file(const struct registry *registry, const char *file, char path_out[PATH_MAX])
{
	for (size_t i = 0; i < registry->n_path; i++) {
		snprintf(path_out, PATH_MAX, "%s/%s", registry->path[i], file);
		if (registry->on_look)
			registry->on_look(registry->look_arg, path_out);
		if (access(path_out, F_OK) == 0)
			return true;
	}
	return false;
}

/* ---- suggestions in error messages ---- */

enum { MAX_NAMES = 64, NAME_SIZE = 64 };

struct names {
	char text[MAX_NAMES][NAME_SIZE];
	const char *pointers[MAX_NAMES];
	size_t n;
};

static void add_name(struct names *names, const char *name, size_t len)
{
	char *text = names->text[names->n];

	if (names->n == MAX_NAMES || len == 0 || len >= NAME_SIZE)
		return;
	snprintf(text, NAME_SIZE, "%.*s", (int)len, name);
	for (size_t i = 0; i < names->n; i++) {
		if (strcmp(names->pointers[i], text) == 0)
			return;
	}
	names->pointers[names->n++] = text;
}

/* Adds the names of files "PREFIXname.so" in a folder, in alphabetical order. */
static void add_files(struct names *names, const char *folder, const char *prefix)
{
	struct dirent **files;
	int n = scandir(folder, &files, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		const char *file = files[i]->d_name, *dot = strrchr(file, '.');

		if (dot && strcmp(dot, ".so") == 0 && strncmp(file, prefix, strlen(prefix)) == 0)
			add_name(names, file + strlen(prefix),
			         (size_t)(dot - file) - strlen(prefix));
		free(files[i]);
	}
	if (n >= 0)
		free(files);
}

__attribute__((format(printf, 2, 3))) static void append_text(struct err *err, const char *format,
                                                              ...)
{
	size_t len = strlen(err->text);
	va_list ap;

	va_start(ap, format);
	vsnprintf(err->text + len, sizeof err->text - len, format, ap);
	va_end(ap);
}

/* Appends a suggestion (": did you mean "hmac"?"), or all names if no name is similar. */
static void append_choice(struct err *err, const struct names *names, const char *wanted)
{
	const char *meant = text_suggest(wanted, names->pointers, names->n);

	if (meant) {
		append_text(err, ": did you mean \"%s\"?", meant);
		return;
	}
	append_text(err, "%s", names->n ? ": expected one of " : ": none available");
	for (size_t i = 0; i < names->n; i++)
		append_text(err, "%s%s", i ? ", " : "", names->pointers[i]);
}

static void explain_missing(const struct registry *registry, uint32_t kind, const char *use,
                            const char *file, struct err *err)
{
	bool by_file = strchr(use, ':') != NULL;
	struct names names = { .n = 0 };
	char prefix[32] = "", wanted[NAME_SIZE];

	if (registry->lost) {
		err_set(err, "cannot look for %s beside the executable: %s", file, registry->lost);
		return;
	}
	if (!by_file)
		snprintf(prefix, sizeof prefix, "%s_", kind_name(kind));
	for (size_t i = 0; i < registry->n_path; i++)
		add_files(&names, registry->path[i], prefix);
	snprintf(wanted, sizeof wanted, "%.*s", (int)strcspn(use, ":"), use);
	if (by_file)
		err_set(err, "unknown plugin file \"%s\"", wanted);
	else
		err_set(err, "unknown %s plugin \"%s\"", kind_name(kind), wanted);
	append_choice(err, &names, wanted);
	append_text(err, " (looked for %s in", file);
	for (size_t i = 0; i < registry->n_path; i++)
		append_text(err, "%s %s", i ? "," : "", registry->path[i]);
	append_text(err, ")");
}

static void explain_component(const struct loaded *loaded, uint32_t kind, const char *name,
                              const char *path, struct err *err)
{
	struct names names = { .n = 0 };

	for (const spore_component *const *c = loaded->plugin->components; *c; c++) {
		if ((*c)->kind == kind)
			add_name(&names, (*c)->name, strlen((*c)->name));
	}
	err_set(err, "plugin %s has no %s component \"%s\"", path, kind_name(kind), name);
	append_choice(err, &names, name);
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
	if (!registry_find_file(registry, file, path)) {
		explain_missing(registry, kind, use, file, err);
		return NULL;
	}
	loaded = loader_load(&registry->loader, path, registry_pin(registry, file), err);
	if (!loaded)
		return NULL;
	for (const spore_component *const *c = loaded->plugin->components; *c; c++) {
		if ((*c)->kind == kind && strcmp((*c)->name, name) == 0) {
			*plugin_out = loaded;
			return *c;
		}
	}
	explain_component(loaded, kind, name, path, err);
	return NULL;
}
