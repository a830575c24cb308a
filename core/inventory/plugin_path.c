#include "inventory/plugin_path.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log/log.h"
#include "option/value_digest.h"
#include "version.h"
#include "json/json.h"

static const struct json *section_node(const struct config *config, const char *key)
{
	return json_get(json_get(json_doc_root(config->doc), "plugins"), key);
}

static const char *keep_text(struct json_doc *doc, const char *text)
{
	char *copy = json_doc_alloc(doc, strlen(text) + 1);

	return copy ? strcpy(copy, text) : "";
}

/* Why the executable, and so our own folders, cannot be found. */
static const char *explain_lost(struct json_doc *doc, int cause)
{
	struct err err;

	err_set_call(&err, "readlink of /proc/self/exe", cause);
	return keep_text(doc, cause == ENOENT ? "/proc is not mounted" : err.text);
}

static void add_own_folders(struct registry *registry, struct json_doc *doc)
{
	static const char *const below[PLUGIN_PATH_OWN] = { "plugins", SPORE_PLUGINS_FROM_BIN };
	char exe[PATH_MAX], path[PATH_MAX + 64];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
	char *slash;

	if (n <= 0) {
		registry->lost = explain_lost(doc, errno);
		return;
	}
	exe[n] = '\0';
	slash = strrchr(exe, '/');
	*slash = '\0';
	for (size_t i = 0; i < PLUGIN_PATH_OWN; i++) {
		snprintf(path, sizeof path, "%s/%s", exe, below[i]);
		registry->path[registry->n_path++] = keep_text(doc, path);
	}
}

static void add_folders(struct registry *registry, const struct config *config, struct diag *diag)
{
	const spore_list *folders = &config->settings.plugins.path;
	const char *const *paths = folders->items;
	size_t room = REGISTRY_MAX_PATH - PLUGIN_PATH_OWN - registry->n_path;

	if (folders->count > room) {
		diag_add(diag, section_node(config, "path"),
		         "expected at most %zu folders, found %zu", room, folders->count);
		return;
	}
	for (size_t i = 0; i < folders->count; i++)
		registry->path[registry->n_path++] = paths[i];
	add_own_folders(registry, config->doc);
}

/* A pin with any other key would pin nothing. */
static bool is_plugin_file_name(const char *key)
{
	size_t len = strlen(key);

	return len > 3 && strcmp(key + len - 3, ".so") == 0 && !strchr(key, '/');
}

static void set_pins(struct registry *registry, const struct config *config, struct diag *diag)
{
	const spore_map *pins = &config->settings.plugins.pin;
	struct registry_pin *list = json_doc_alloc(config->doc, (pins->count + 1) * sizeof *list);
	const spore_sha256 *digests = pins->items;

	if (!list) {
		diag_add(diag, NULL, "out of memory");
		return;
	}
	for (size_t i = 0; i < pins->count; i++) {
		const struct json *node = json_get(section_node(config, "pin"), pins->keys[i]);
		char text[VALUE_SHA256_SIZE];

		if (!is_plugin_file_name(pins->keys[i]))
			diag_add(
				diag, node,
				"expected the file name of a plugin as the key, ending in \".so\"");
		else
			list[i] = (struct registry_pin){
				pins->keys[i],
				keep_text(config->doc, value_format_sha256(&digests[i], text) +
				                               strlen("sha256:"))
			};
	}
	registry->pins = list;
	registry->n_pins = pins->count;
}

bool plugin_path_set_up(struct registry *registry, const struct config *config, struct diag *diag)
{
	const struct json *section = json_get(json_doc_root(config->doc), "plugins");

	if (diag_has(diag, section))
		return false;
	add_folders(registry, config, diag);
	set_pins(registry, config, diag);
	return !diag_has(diag, section);
}

/* Our own folders are not looked at: they need not exist. */
static void warn_of_folders(const struct config *config)
{
	const spore_list *folders = &config->settings.plugins.path;
	const char *const *paths = folders->items;
	struct stat st;

	for (size_t i = 0; i < folders->count; i++) {
		if (stat(paths[i], &st) < 0)
			log_warn("cannot read a folder of plugins.path",
			         log_str("folder", paths[i]), log_str("error", strerror(errno)));
		else if (!S_ISDIR(st.st_mode))
			log_warn("an entry of plugins.path is not a folder",
			         log_str("folder", paths[i]));
	}
}

void plugin_path_warn(const struct registry *registry, const struct config *config)
{
	char path[PATH_MAX];

	warn_of_folders(config);
	for (size_t i = 0; i < registry->n_pins; i++) {
		if (!registry_find_file(registry, registry->pins[i].file, path))
			log_warn("no plugin folder has the file that a pin names",
			         log_str("file", registry->pins[i].file));
	}
}
