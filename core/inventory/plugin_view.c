#include "inventory/plugin_view.h"

#include <stdio.h>
#include <string.h>

#include "plugin/kind.h"
#include "services/probe.h"

void plugin_view_open(struct plugin_view *view, struct loader *loader, const char *path,
                      const char *pin, bool load)
{
	*view = (struct plugin_view){ .path = path, .state = PLUGIN_REFUSED };
	if (!loader_inspect(path, pin, &view->seen, &view->refusal))
		return;
	view->state = PLUGIN_NOT_LOADED;
	if (!load)
		return;
	/* It is loaded in a child first, since the file's constructors may end the process. */
	if (probe_load(path, pin, &view->refusal))
		view->loaded = loader_load(loader, path, pin, &view->refusal);
	view->state = view->loaded ? PLUGIN_LOADED : PLUGIN_REFUSED;
}

/* The text contains "PATH refused: REASON". */
const char *plugin_view_reason(const struct plugin_view *view)
{
	static const char mark[] = " refused: ";
	const char *text = view->refusal.text, *path_in_text = strstr(text, view->path);
	const char *reason = path_in_text ? path_in_text + strlen(view->path) : text;

	return strncmp(reason, mark, sizeof mark - 1) == 0 ? reason + sizeof mark - 1 : text;
}

const char *plugin_state_name(enum plugin_state state)
{
	static const char *const names[] = { "loaded", "not loaded", "refused" };

	return names[state];
}

const char *plugin_view_use(const char *path, const spore_component *component, char *out,
                            size_t size)
{
	const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
	size_t len = strlen(file);
	char own[256];

	snprintf(own, sizeof own, "%s_%s.so", plugin_view_kind(component), component->name);
	if (strcmp(file, own) == 0)
		return component->name;
	if (len <= 3 || strcmp(file + len - 3, ".so") != 0)
		return NULL;
	snprintf(out, size, "%.*s:%s", (int)len - 3, file, component->name);
	return out;
}

bool plugin_view_is_known(const spore_component *component)
{
	return kind_find(component->kind) != NULL;
}

const char *plugin_view_kind(const spore_component *component)
{
	return kind_name(component->kind);
}

bool plugin_view_has_side(const spore_component *component, uint32_t role)
{
	return kind_roles(component) & role;
}
