#include "commands/plugin_info.h"

#include <string.h>

#include "inventory/plugin_options.h"
#include "inventory/plugin_view.h"
#include "plugin/kind.h"

/* ---- facts about a component ---- */

enum { MOST_WORDS = 4 };

/* A NULL-ended array of words. */
struct words {
	const char *items[MOST_WORDS];
	size_t n;
};

static void add_word(struct words *words, bool holds, const char *word)
{
	if (holds && words->n + 1 < MOST_WORDS)
		words->items[words->n++] = word;
}

static struct words sides_of(const spore_component *c)
{
	struct words sides = { .n = 0 };

	add_word(&sides, plugin_view_has_side(c, SPORE_ROLE_SERVER), "server");
	add_word(&sides, plugin_view_has_side(c, SPORE_ROLE_CLIENT), "client");
	return sides;
}

static struct words flags_of(const spore_component *c)
{
	struct words flags = { .n = 0 };

	if (kind_has_flag(c))
		add_word(&flags, true, kind_find(c->kind)->flag_name);
	add_word(&flags, SPORE_HAS(c, flags) && c->flags & SPORE_COMPF_SINGLE_WORKER, "one worker");
	return flags;
}

static struct option_table options_of(const spore_component *c)
{
	return (struct option_table){ c->options, c->n_options, c->option_size };
}

/* ---- for people ---- */

static void add_line(struct columns *columns, const char *name, const char *value)
{
	columns_add(columns, (const char *[]){ name, value });
}

static void add_words(struct columns *columns, const char *name, const char *const *words)
{
	char text[512] = "";
	size_t n = 0;

	for (; words && *words && n < sizeof text; words++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", n ? ", " : "", *words);
	if (n)
		add_line(columns, name, text);
}

static void add_access(struct columns *columns, const struct access_verdict *access)
{
	char text[sizeof access->doubtful.text + 40];

	snprintf(text, sizeof text, "good, but its group can write to %s", access->doubtful.text);
	add_line(columns, "access",
	         access->forbidden.text[0]  ? access->forbidden.text
	         : access->doubtful.text[0] ? text
	                                    : "good");
}

/* The entry point is not mentioned. */
static void add_exports(struct columns *columns, const struct exports *exports)
{
	char text[EXPORTS_TEXT_SIZE];

	if (exports->all.n)
		add_line(columns, "exports", exports_text(&exports->all, text));
	if (exports->taken.n)
		add_line(columns, "taken names", exports_text(&exports->taken, text));
}

static void add_file_facts(struct columns *columns, const struct plugin_view *view)
{
	const struct note *note = &view->seen.note;
	char text[LOADER_DIGEST_TEXT_SIZE + 64];

	add_line(columns, "file", view->path);
	if (view->seen.has_note) {
		snprintf(text, sizeof text, "%s %s", note->plugin, note->version);
		add_line(columns, "plugin", text);
		snprintf(text, sizeof text,
		         "%u.%u; needs a host with %u.%u or later, this host has %u.%u",
		         note->abi_major, note->abi_minor, note->abi_major, note->min_minor,
		         SPORE_ABI_MAJOR, SPORE_ABI_MINOR);
		add_line(columns, "abi", text);
	}
	if (view->seen.is_read) {
		add_line(columns, "digest", loader_digest_text(view->seen.digest, text));
		add_access(columns, &view->seen.access);
		add_exports(columns, &view->seen.exports);
	}
	add_line(columns, "state", plugin_state_name(view->state));
	if (view->state == PLUGIN_REFUSED)
		add_line(columns, "refusal", view->refusal.text);
}

static const char *or_dash(const char *text)
{
	return text && *text ? text : "-";
}

static void add_declared_facts(struct columns *columns, const spore_plugin *plugin)
{
	add_line(columns, "author", or_dash(plugin->author));
	add_line(columns, "licence", or_dash(plugin->license));
	add_line(columns, "url", or_dash(plugin->url));
	add_words(columns, "requires",
	          plugin->required && *plugin->required ? plugin->required
	                                                : (const char *const[]){ "-", NULL });
}

static bool print_component(const struct plugin_view *view, const spore_component *c, FILE *out)
{
	struct columns title = { .n = 1 }, lines = { .n = 2 },
		       rows = { .n = PLUGIN_OPTIONS_COLUMNS };
	struct option_table options = options_of(c);
	char use[128], text[512];
	bool good;

	snprintf(text, sizeof text, "%s %s%s%s", plugin_view_kind(c), c->name,
	         c->summary && *c->summary ? ": " : "", c->summary ? c->summary : "");
	columns_add(&title, (const char *[]){ text });
	add_line(&lines, "use", plugin_view_use(view->path, c, use, sizeof use));
	add_words(&lines, "sides", sides_of(c).items);
	add_words(&lines, "flags", flags_of(c).items);
	add_line(&lines, "options", options.n ? "" /* the rows below it */ : "none");
	plugin_options_add(&rows, &options);
	good = fputc('\n', out) != EOF && columns_print(&title, 0, out) &&
	       columns_print(&lines, 2, out) && columns_print(&rows, 4, out);
	columns_fini(&title);
	columns_fini(&lines);
	columns_fini(&rows);
	return good;
}

bool plugin_info_print(const struct plugin_view *view, FILE *out)
{
	struct columns lines = { .n = 2 };
	bool good;

	add_file_facts(&lines, view);
	if (view->loaded)
		add_declared_facts(&lines, view->loaded->plugin);
	good = columns_print(&lines, 0, out);
	columns_fini(&lines);
	for (const spore_component *const *c = view->loaded ? view->loaded->plugin->components
	                                                    : NULL;
	     good && c && *c; c++) {
		if (plugin_view_is_known(*c))
			good = print_component(view, *c, out);
		else
			fprintf(out, "\nkind %u: unknown to this host\n", (*c)->kind);
	}
	return good;
}

/* ---- as JSON ---- */

static void write_words(struct jsonout *json, const char *key, const char *const *words)
{
	jsonout_begin(json, key, '[');
	for (; words && *words; words++)
		jsonout_text(json, NULL, *words);
	jsonout_end(json, ']');
}

/* The array has the first names only, so their number is beside it. */
static void write_names(struct jsonout *json, const char *key, const char *count,
                        const struct export_list *list)
{
	jsonout_begin(json, key, '[');
	for (size_t i = 0; i < list->n && i < EXPORTS_SHOWN; i++)
		jsonout_text(json, NULL, list->names[i]);
	jsonout_end(json, ']');
	jsonout_int(json, count, (int64_t)list->n);
}

static const char *text_or_null(const struct err *err)
{
	return err->text[0] ? err->text : NULL;
}

static void write_file_facts(struct jsonout *json, const struct plugin_view *view)
{
	const struct note *note = &view->seen.note;
	char text[LOADER_DIGEST_TEXT_SIZE];

	jsonout_text(json, "file", view->path);
	if (view->seen.has_note) {
		jsonout_text(json, "plugin", note->plugin);
		jsonout_text(json, "version", note->version);
		jsonout_begin(json, "abi", '{');
		jsonout_int(json, "major", note->abi_major);
		jsonout_int(json, "minor", note->abi_minor);
		jsonout_int(json, "min_minor", note->min_minor);
		jsonout_end(json, '}');
	}
	if (view->seen.is_read) {
		jsonout_text(json, "digest", loader_digest_text(view->seen.digest, text));
		jsonout_text(json, "forbidden", text_or_null(&view->seen.access.forbidden));
		jsonout_text(json, "group_may_write", text_or_null(&view->seen.access.doubtful));
		write_names(json, "exports", "n_exports", &view->seen.exports.all);
		write_names(json, "taken_names", "n_taken_names", &view->seen.exports.taken);
	}
	jsonout_text(json, "state", plugin_state_name(view->state));
	if (view->state == PLUGIN_REFUSED)
		jsonout_text(json, "refusal", view->refusal.text);
}

static void write_component(struct jsonout *json, const char *path, const spore_component *c)
{
	struct option_table options = options_of(c);
	char use[128];

	jsonout_begin(json, NULL, '{');
	jsonout_text(json, "kind", plugin_view_kind(c));
	if (plugin_view_is_known(c)) {
		jsonout_text(json, "name", c->name);
		jsonout_text(json, "use", plugin_view_use(path, c, use, sizeof use));
		jsonout_text(json, "summary", c->summary);
		write_words(json, "sides", sides_of(c).items);
		write_words(json, "flags", flags_of(c).items);
		plugin_options_write(json, "options", &options);
	}
	jsonout_end(json, '}');
}

void plugin_info_write_json(const struct plugin_view *view, FILE *out)
{
	const spore_plugin *plugin = view->loaded ? view->loaded->plugin : NULL;
	struct jsonout json = { .out = out };

	jsonout_begin(&json, NULL, '{');
	write_file_facts(&json, view);
	if (plugin) {
		jsonout_text(&json, "author", plugin->author);
		jsonout_text(&json, "licence", plugin->license);
		jsonout_text(&json, "url", plugin->url);
		write_words(&json, "requires", plugin->required);
		jsonout_begin(&json, "components", '[');
		for (const spore_component *const *c = plugin->components; *c; c++)
			write_component(&json, view->path, *c);
		jsonout_end(&json, ']');
	}
	jsonout_end(&json, '}');
}
