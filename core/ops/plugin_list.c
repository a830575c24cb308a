#include "ops/plugin_list.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/columns.h"
#include "base/jsonout.h"
#include "ops/plugin_path.h"
#include "ops/plugin_view.h"
#include "plugin/registry.h"

enum { COLUMNS = 6 };

struct listing {
	struct registry *registry;
	bool load;
	struct columns columns; /* the one ... */
	struct jsonout json;    /* ... or the other */
	bool as_json, good;
};

/* ---- one plugin --------------------------------------------------------------------------------- */

static void add_row(struct listing *l, const struct plugin_view *view, const char *offers,
                    const char *more)
{
	const struct note *note = &view->seen.note;
	char abi[16] = "-";

	if (view->seen.has_note)
		snprintf(abi, sizeof abi, "%u.%u", note->abi_major, note->abi_minor);
	columns_add(&l->columns, (const char *[COLUMNS]){ view->seen.has_note ? note->plugin : "-",
	                                                  view->seen.has_note ? note->version : "-", abi,
	                                                  offers, view->path, more });
}

static void add_component(struct listing *l, const struct plugin_view *view, const spore_component *c)
{
	char use[128], offers[160];
	const char *name;

	if (!plugin_view_is_known(c)) {
		snprintf(offers, sizeof offers, "kind %u", c->kind);
		add_row(l, view, offers, "this host does not know it");
		return;
	}
	name = plugin_view_use(view->path, c, use, sizeof use);
	snprintf(offers, sizeof offers, "%s %s", plugin_view_kind(c), name);
	add_row(l, view, offers, c->summary);
}

static void add_view(struct listing *l, const struct plugin_view *view, const char *shadow)
{
	char more[PATH_MAX + 4];

	if (shadow) {
		snprintf(more, sizeof more, "by %s", shadow);
		add_row(l, view, "shadowed", more);
	} else if (view->state != PLUGIN_LOADED) {
		add_row(l, view, plugin_state_name(view->state), plugin_view_reason(view));
	} else {
		for (const spore_component *const *c = view->loaded->plugin->components; *c; c++)
			add_component(l, view, *c);
	}
}

static void write_component(struct jsonout *json, const char *path, const spore_component *c)
{
	char use[128];

	jsonout_begin(json, NULL, '{');
	jsonout_text(json, "kind", plugin_view_kind(c));
	if (plugin_view_is_known(c)) {
		jsonout_text(json, "name", c->name);
		jsonout_text(json, "use", plugin_view_use(path, c, use, sizeof use));
		jsonout_text(json, "summary", c->summary);
	}
	jsonout_end(json, '}');
}

static void write_view(struct jsonout *json, const struct plugin_view *view, const char *shadow)
{
	const struct note *note = &view->seen.note;
	char abi[16];

	snprintf(abi, sizeof abi, "%u.%u", note->abi_major, note->abi_minor);
	jsonout_begin(json, NULL, '{');
	jsonout_text(json, "file", view->path);
	jsonout_text(json, "plugin", view->seen.has_note ? note->plugin : NULL);
	jsonout_text(json, "version", view->seen.has_note ? note->version : NULL);
	jsonout_text(json, "abi", view->seen.has_note ? abi : NULL);
	jsonout_text(json, "state", shadow ? "shadowed" : plugin_state_name(view->state));
	if (shadow)
		jsonout_text(json, "shadowed_by", shadow);
	else if (view->state == PLUGIN_REFUSED)
		jsonout_text(json, "refusal", view->refusal.text);
	jsonout_begin(json, "components", '[');
	for (const spore_component *const *c = view->loaded ? view->loaded->plugin->components : NULL;
	     c && *c; c++)
		write_component(json, view->path, *c);
	jsonout_end(json, ']');
	jsonout_end(json, '}');
}

/* ---- folders ------------------------------------------------------------------------------------ */

/* The same folder by another name hides nothing. */
static bool is_same_folder(const char *a, const char *b)
{
	struct stat one, other;

	return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev &&
	       one.st_ino == other.st_ino;
}

static bool is_repeated(const struct registry *registry, size_t index)
{
	for (size_t i = 0; i < index; i++) {
		if (is_same_folder(registry->path[i], registry->path[index]))
			return true;
	}
	return false;
}

/* The file of that name that is found first, if it is not in this folder. */
static const char *find_shadow(const struct registry *registry, size_t index, const char *file,
                               char path[PATH_MAX])
{
	for (size_t i = 0; i < index; i++) {
		snprintf(path, PATH_MAX, "%s/%s", registry->path[i], file);
		if (access(path, F_OK) == 0)
			return path;
	}
	return NULL;
}

static void list_file(struct listing *l, size_t index, const char *file)
{
	char path[PATH_MAX], front[PATH_MAX];
	const char *shadow = find_shadow(l->registry, index, file, front);
	struct plugin_view view;

	snprintf(path, sizeof path, "%s/%s", l->registry->path[index], file);
	plugin_view_open(&view, &l->registry->loader, path, registry_pin(l->registry, file),
	                 l->load && !shadow);
	if (l->as_json)
		write_view(&l->json, &view, shadow);
	else
		add_view(l, &view, shadow);
}

static int is_plugin_name(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 3 && strcmp(entry->d_name + len - 3, ".so") == 0;
}

/* By bytes: alphasort would go by the locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void list_folder(struct listing *l, size_t index)
{
	const char *folder = l->registry->path[index];
	bool own = index >= l->registry->n_path - PLUGIN_PATH_OWN;
	struct dirent **entries;
	int n;

	if (is_repeated(l->registry, index))
		return;
	n = scandir(folder, &entries, is_plugin_name, by_name);
	if (n < 0 && own && errno == ENOENT)
		return;
	if (n < 0) {
		fprintf(stderr, "error: cannot read the folder %s: %s\n", folder, strerror(errno));
		l->good = false;
		return;
	}
	for (int i = 0; i < n; i++) {
		list_file(l, index, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
}

bool plugin_list_print(struct registry *registry, bool load, bool as_json, FILE *out)
{
	static const char *const head[COLUMNS] = { "PLUGIN", "VERSION", "ABI",
		                                   "OFFERS", "FILE",    "SUMMARY" };
	struct listing l = { .registry = registry,
		             .load = load,
		             .columns = { .n = COLUMNS },
		             .json = { .out = out },
		             .as_json = as_json,
		             .good = true };

	if (as_json)
		jsonout_begin(&l.json, NULL, '[');
	else
		columns_add(&l.columns, head);
	for (size_t i = 0; i < registry->n_path; i++)
		list_folder(&l, i);
	if (as_json)
		jsonout_end(&l.json, ']');
	else if (!columns_print(&l.columns, 0, out)) {
		fputs("error: out of memory\n", stderr);
		l.good = false;
	}
	columns_fini(&l.columns);
	return l.good;
}
