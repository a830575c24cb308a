#include "commands/plugin_list.h"

#include <limits.h>

#include "base/columns.h"
#include "inventory/plugin_view.h"
#include "inventory/plugin_walk.h"
#include "json/jsonout.h"

enum { COLUMNS = 6 };

struct listing {
	struct columns columns; /* unless as_json */
	struct jsonout json;    /* if as_json */
	bool as_json;
};

/* ---- one plugin ---- */

static void add_row(struct listing *l, const struct plugin_view *view, const char *offers,
                    const char *more)
{
	const struct note *note = &view->seen.note;
	char abi[16] = "-";

	if (view->seen.has_note)
		snprintf(abi, sizeof abi, "%u.%u", note->abi_major, note->abi_minor);
	columns_add(&l->columns, (const char *[COLUMNS]){ view->seen.has_note ? note->plugin : "-",
	                                                  view->seen.has_note ? note->version : "-",
	                                                  abi, offers, view->path, more });
}

static void add_component(struct listing *l, const struct plugin_view *view,
                          const spore_component *c)
{
	char use[128], offers[160];
	const char *name;

	if (!plugin_view_is_known(c)) {
		snprintf(offers, sizeof offers, "kind %u", c->kind);
		add_row(l, view, offers, "unknown to this host");
		return;
	}
	name = plugin_view_use(view->path, c, use, sizeof use);
	snprintf(offers, sizeof offers, "%s %s", plugin_view_kind(c), name);
	add_row(l, view, offers, c->summary);
}

static void add_plugin(struct listing *l, const struct plugin_view *view, const char *shadow)
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

static void write_plugin(struct jsonout *json, const struct plugin_view *view, const char *shadow)
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
	for (const spore_component *const *c = view->loaded ? view->loaded->plugin->components
	                                                    : NULL;
	     c && *c; c++)
		write_component(json, view->path, *c);
	jsonout_end(json, ']');
	jsonout_end(json, '}');
}

static void on_plugin(void *arg, const struct plugin_view *view, const char *shadow)
{
	struct listing *l = arg;

	if (l->as_json)
		write_plugin(&l->json, view, shadow);
	else
		add_plugin(l, view, shadow);
}

bool plugin_list_print(struct registry *registry, bool load, bool as_json, FILE *out)
{
	static const char *const head[COLUMNS] = { "PLUGIN", "VERSION", "ABI",
		                                   "OFFERS", "FILE",    "SUMMARY" };
	struct listing l = { .columns = { .n = COLUMNS },
		             .json = { .out = out },
		             .as_json = as_json };
	bool good;

	if (as_json)
		jsonout_begin(&l.json, NULL, '[');
	else
		columns_add(&l.columns, head);
	good = plugin_walk(registry, load, on_plugin, &l);
	if (as_json)
		jsonout_end(&l.json, ']');
	else if (!columns_print(&l.columns, 0, out)) {
		fputs("error: out of memory\n", stderr);
		good = false;
	}
	columns_fini(&l.columns);
	return good;
}
