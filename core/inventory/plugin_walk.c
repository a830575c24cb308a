#include "inventory/plugin_walk.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inventory/plugin_path.h"

struct walk {
	struct registry *registry;
	bool load;
	plugin_walk_cb on_plugin;
	void *arg;
};

static bool is_same_folder(const char *a, const char *b)
{
	struct stat one, other;

	return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev &&
	       one.st_ino == other.st_ino;
}

/* A folder that is listed twice does not shadow itself. */
static bool is_repeated(const struct registry *registry, size_t index)
{
	for (size_t i = 0; i < index; i++) {
		if (is_same_folder(registry->path[i], registry->path[index]))
			return true;
	}
	return false;
}

/* The file of that name in the first of the earlier folders that has it; NULL: none has. */
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

static void visit_file(const struct walk *w, size_t index, const char *file)
{
	char path[PATH_MAX], shadow_path[PATH_MAX];
	const char *shadow = find_shadow(w->registry, index, file, shadow_path);
	struct plugin_view view;

	snprintf(path, sizeof path, "%s/%s", w->registry->path[index], file);
	plugin_view_open(&view, &w->registry->loader, path, registry_pin(w->registry, file),
	                 w->load && !shadow);
	w->on_plugin(w->arg, &view, shadow);
}

static int is_plugin_name(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 3 && strcmp(entry->d_name + len - 3, ".so") == 0;
}

/* Compares bytes; alphasort would depend on the locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static bool visit_folder(const struct walk *w, size_t index)
{
	const char *folder = w->registry->path[index];
	bool is_own = !w->registry->lost && index >= w->registry->n_path - PLUGIN_PATH_OWN;
	struct dirent **entries;
	int n;

	if (is_repeated(w->registry, index))
		return true;
	n = scandir(folder, &entries, is_plugin_name, by_name);
	if (n < 0 && is_own && errno == ENOENT)
		return true; /* only one of our own folders exists */
	if (n < 0) {
		fprintf(stderr, "error: cannot read the folder %s: %s\n", folder, strerror(errno));
		return false;
	}
	for (int i = 0; i < n; i++) {
		visit_file(w, index, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return true;
}

bool plugin_walk(struct registry *registry, bool load, plugin_walk_cb on_plugin, void *arg)
{
	struct walk w = { registry, load, on_plugin, arg };
	bool good = !registry->lost;

	if (!good)
		fprintf(stderr, "error: cannot look for plugins beside the executable: %s\n",
		        registry->lost);
	for (size_t i = 0; i < registry->n_path; i++)
		good = visit_folder(&w, i) && good;
	return good;
}
