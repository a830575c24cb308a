#include "reference/reference.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "config/chains.h"
#include "config/changes.h"
#include "config/command.h"
#include "config/help.h"
#include "config/settings.h"
#include "inventory/plugin_view.h"
#include "metrics/families.h"
#include "option/option_type.h"
#include "plugin/kind.h"
#include "reference/catalogue.h"
#include "reference/document.h"
#include "wire/refusal.h"

enum { BOTH = ROLE_SERVER | ROLE_LOCAL };

static const char *command_of(unsigned role)
{
	return role == ROLE_SERVER ? "`spore server`" : "`spore local`";
}

static const struct option_table *root_of(unsigned role)
{
	return role == ROLE_SERVER ? &settings_server : &settings_client;
}

/* ---- options ---- */

/* The column "reload" is only for keys: a reload always creates plugin instances anew. */
static const char *const option_facts[] = { "type", "default", NULL };
static const char *const key_facts[] = { "type", "default", "reload", NULL };

/* One option table that is being written. */
struct writing {
	struct document *document;
	unsigned roles; /* whose flags are listed with the keys; 0: a plugin's table has none */
};

/* "off|prefer" becomes "`"off"`, `"prefer"`". */
static void describe_choices(const char *choices, char *out, size_t size)
{
	size_t n = 0;

	for (const char *at = choices; at && n < size;) {
		size_t len = strcspn(at, "|");

		n += (size_t)snprintf(out + n, size - n, "%s`\"%.*s\"`", n ? ", " : "", (int)len,
		                      at);
		at = at[len] ? at + len + 1 : NULL;
	}
}

static void describe_type(const spore_option *row, const char *kind, char *out, size_t size)
{
	if (kind)
		snprintf(out, size, "list of instances (%s)", kind);
	else if (row->type == SPORE_OPT_ENUM)
		describe_choices(row->choices, out, size);
	else
		option_type_describe(row, out, size);
}

/* The default as JSON; NULL: there is nothing to show. A chain that is not in the file may have a
 * default entry. */
static const char *default_of(const spore_option *row, const char *kind)
{
	for (size_t i = 0; kind && i < n_default_sections; i++) {
		if (strcmp(default_sections[i].key, row->name) == 0)
			return default_sections[i].json;
	}
	if (row->dflt)
		return row->dflt;
	if (kind || row->type == SPORE_OPT_LIST)
		return "[]";
	return row->type == SPORE_OPT_BOOL ? "false" : row->type == SPORE_OPT_MAP ? "{}" : NULL;
}

/* `kind`: of the instances that the option holds; NULL: it does not hold instances. */
static void write_option(struct document *d, const char *name, const spore_option *row,
                         const char *kind, const char *set_by, enum option_change change)
{
	const char *json = default_of(row, kind);
	char type[256], dflt[256] = "", text[1024];

	describe_type(row, kind, type, sizeof type);
	if (row->flags & SPORE_OPTF_REQUIRED)
		snprintf(dflt, sizeof dflt, "required");
	else if (json)
		snprintf(dflt, sizeof dflt, "`%s`", json);
	snprintf(text, sizeof text, "%s%s%s%s%s", row->doc, *set_by ? " (" : "", set_by,
	         *set_by ? ")" : "", row->flags & SPORE_OPTF_DEPRECATED ? "; deprecated" : "");
	document_entry(d, name, (const char *[]){ type, dflt, changes_kind_name(change) }, text);
}

/* The flags that set the target, as code: "`--min-port`". */
static void list_flags(unsigned roles, const char *target, char *out, size_t size)
{
	size_t n = 0;

	*out = '\0';
	for (size_t i = 0; i < n_shorthands && n < size; i++) {
		char flag[64];

		if (!(shorthands[i].roles & roles) || strcmp(shorthands[i].target, target) != 0)
			continue;
		command_flag_name(&shorthands[i], flag, sizeof flag);
		n += (size_t)snprintf(out + n, size - n, "%s`%s`", n ? ", " : "", flag);
	}
}

/* What stands between the name of an option and the names of the options inside it. */
static const char *joint_of(const spore_option *row)
{
	return row->type == SPORE_OPT_LIST ? "[]." : row->type == SPORE_OPT_MAP ? ".NAME." : ".";
}

/* Writes an option and the options inside it. `name` is for the reader: "tunnels[].port"; `target`
 * is the same place as in a shorthand: "/tunnels[0]/port". `change`: how the option that contains
 * it changes on a reload. */
static void write_tree(const struct writing *w, const char *name, const char *target,
                       const spore_option *row, enum option_change change)
{
	struct option_table inner = option_inner(row);
	const struct chain_row *chain = w->roles ? chain_find(target) : NULL;
	const char *kind = chain ? kind_name(chain->kind) : NULL;
	char flags[256], inner_name[256], inner_target[256];

	if (w->roles)
		change = option_change_of(row, change);
	list_flags(w->roles, target, flags, sizeof flags);
	write_option(w->document, name, row, kind, flags, change);
	for (uint32_t i = 0; i < inner.n; i++) {
		const spore_option *next = option_row(&inner, i);

		snprintf(inner_name, sizeof inner_name, "%.120s%s%.120s", name, joint_of(row),
		         next->name);
		snprintf(inner_target, sizeof inner_target, "%.120s%s/%.120s", target,
		         row->type == SPORE_OPT_LIST ? "[0]" : "", next->name);
		write_tree(w, inner_name, inner_target, next, change);
	}
}

static void write_table(struct document *d, const struct option_table *table)
{
	const struct writing w = { d, 0 };

	document_begin_entries(d, "option", option_facts);
	for (uint32_t i = 0; i < table->n; i++)
		write_tree(&w, option_row(table, i)->name, "", option_row(table, i), OPTION_LIVE);
	document_end_entries(d);
}

/* ---- keys ---- */

static void begin_keys(const struct writing *w)
{
	document_begin_entries(w->document, "key", key_facts);
}

static void write_section(const struct writing *w, const spore_option *section)
{
	enum option_change change = option_change_of(section, OPTION_LIVE);
	struct option_table table = option_inner(section);
	char name[128], target[128], text[1024];

	snprintf(text, sizeof text, "`%s`: %s.", section->name, section->doc);
	document_paragraph(w->document, text);
	begin_keys(w);
	for (uint32_t i = 0; i < table.n; i++) {
		const spore_option *row = option_row(&table, i);

		snprintf(name, sizeof name, "%s.%s", section->name, row->name);
		snprintf(target, sizeof target, "/%s/%s", section->name, row->name);
		write_tree(w, name, target, row, change);
	}
	document_end_entries(w->document);
}

/* Does a row of the root belong to the group? The groups are the rows of the server only, those of
 * the client only, and those of both. With only one role in `roles` there is only one group. */
static bool is_in_group(const spore_option *row, unsigned roles, unsigned group)
{
	bool have_both = option_find(&settings_server, row->name) &&
	                 option_find(&settings_client, row->name);

	if (roles != BOTH)
		return true;
	return have_both == (group == BOTH);
}

/* Writes the rows of the root that are not sections, under a line of their own. */
static void write_rows(const struct writing *w, const struct option_table *root, unsigned roles)
{
	char target[128];
	bool some = false;

	for (uint32_t i = 0; i < root->n; i++) {
		const spore_option *row = option_row(root, i);

		if (row->type == SPORE_OPT_OBJECT || !is_in_group(row, roles, w->roles))
			continue;
		if (!some) {
			document_paragraph(w->document, "These keys are in no section.");
			begin_keys(w);
		}
		some = true;
		snprintf(target, sizeof target, "/%s", row->name);
		write_tree(w, row->name, target, row, OPTION_LIVE);
	}
	if (some)
		document_end_entries(w->document);
}

static void write_group(struct document *d, unsigned roles, unsigned group)
{
	/* The rows that both have are in the server's table, too. */
	const struct option_table *root = root_of(group == BOTH ? ROLE_SERVER : group);
	const struct writing w = { d, group };

	document_heading(d, group == BOTH ? "Both" : command_of(group));
	for (uint32_t i = 0; i < root->n; i++) {
		const spore_option *row = option_row(root, i);

		if (row->type == SPORE_OPT_OBJECT && is_in_group(row, roles, group))
			write_section(&w, row);
	}
	write_rows(&w, root, roles);
}

void reference_write_keys(struct document *d, unsigned roles)
{
	/* The server's rows, the client's, and those of both: BOTH is one more than ROLE_LOCAL. */
	for (unsigned group = ROLE_SERVER; group <= BOTH; group++) {
		if (roles == BOTH || roles == group)
			write_group(d, roles, group);
	}
	document_heading(d, "Instances of plugins");
	document_paragraph(d, "Each instance in a list of plugins has these keys, besides those of "
	                      "its plugin.");
	write_table(d, &settings_instance);
}

/* ---- plugins ---- */

static bool has_role(const spore_component *component, unsigned roles)
{
	return (roles & ROLE_SERVER && plugin_view_has_side(component, SPORE_ROLE_SERVER)) ||
	       (roles & ROLE_LOCAL && plugin_view_has_side(component, SPORE_ROLE_CLIENT));
}

static void write_plugin(struct document *d, const struct catalogue_entry *entry)
{
	const spore_component *c = entry->component;
	struct option_table table = catalogue_options(entry);
	bool server = plugin_view_has_side(c, SPORE_ROLE_SERVER);
	bool client = plugin_view_has_side(c, SPORE_ROLE_CLIENT);
	char text[1024];

	snprintf(text, sizeof text, "The %s plugin `%s`", plugin_view_kind(c), entry->use);
	document_heading(d, text);
	snprintf(text, sizeof text, "%s%sfor a %s%s.%s", c->summary ? c->summary : "",
	         c->summary && *c->summary ? "; " : "", server ? "server" : "client",
	         server && client ? " or a client" : "", table.n ? "" : " It has no options.");
	text[0] = (char)toupper((unsigned char)text[0]);
	document_paragraph(d, text);
	if (table.n)
		write_table(d, &table);
}

static bool is_from_file(const struct catalogue_entry *entry, const char *file)
{
	size_t len = strcspn(entry->use_by_file, ":");

	return strlen(file) == len && memcmp(file, entry->use_by_file, len) == 0;
}

size_t reference_write_plugins(struct document *d, unsigned roles,
                               const struct catalogue *catalogue, const char *file)
{
	size_t n = 0;

	for (size_t i = 0; i < catalogue->n; i++) {
		const struct catalogue_entry *entry = &catalogue->entries[i];

		if (!has_role(entry->component, roles) || (file && !is_from_file(entry, file)))
			continue;
		write_plugin(d, entry);
		n++;
	}
	return n;
}

/* ---- metrics ---- */

static const char *const metric_facts[] = { "kind", "labels", NULL };

static void write_metric(struct document *d, const spore_metric_spec *spec)
{
	static const char *const kinds[] = { [SPORE_METRIC_COUNTER] = "counter",
		                             [SPORE_METRIC_GAUGE] = "gauge",
		                             [SPORE_METRIC_HISTOGRAM] = "histogram",
		                             [SPORE_METRIC_SUMMARY] = "summary" };
	char labels[256] = "";
	size_t n = 0;

	for (size_t i = 0; i < spec->n_labels && n < sizeof labels; i++)
		n += (size_t)snprintf(labels + n, sizeof labels - n, "%s`%s`", n ? ", " : "",
		                      spec->labels[i]);
	document_entry(d, spec->name, (const char *[]){ kinds[spec->type], labels }, spec->help);
}

void reference_write_metrics(struct document *d)
{
	document_begin_entries(d, "metric", metric_facts);
	for (int family = 0; family < FAMILY_COUNT; family++)
		write_metric(d, family_spec((enum family)family));
	document_end_entries(d);
}

/* ---- reasons ---- */

static const char *const reason_facts[] = { "at", "the client tries again", NULL };

static const char *place_of(enum refusal why)
{
	bool control = refusal_happens_at(why, REFUSED_AT_CONTROL);

	if (!refusal_happens_at(why, REFUSED_AT_PUBLIC))
		return "`control`";
	return control ? "`control`, `public`" : "`public`";
}

/* What becomes of the client that is refused. A visitor is not told a reason. */
static const char *retry_of(enum refusal why)
{
	static const char *const retries[] = {
		[RETRY_NEVER] = "no",
		[RETRY_ANY_PORT] = "if any port will do",
		[RETRY_LATER] = "yes",
		[RETRY_WHEN_ASKED] = "yes, after a pause",
	};

	return refusal_happens_at(why, REFUSED_AT_CONTROL) ? retries[refusal_retry(why)] : "";
}

/* Two reasons are counted under the name of an earlier one. */
static bool has_own_name(enum refusal why)
{
	for (int i = 0; i < (int)why; i++) {
		if (strcmp(refusal_name((enum refusal)i), refusal_name(why)) == 0)
			return false;
	}
	return true;
}

static bool is_counted(enum refusal why)
{
	return (refusal_happens_at(why, REFUSED_AT_CONTROL) ||
	        refusal_happens_at(why, REFUSED_AT_PUBLIC)) &&
	       has_own_name(why);
}

void reference_write_reasons(struct document *d)
{
	document_begin_entries(d, "reason", reason_facts);
	for (enum refusal why = 0; why < REFUSED_COUNT; why++) {
		if (is_counted(why))
			document_entry(d, refusal_name(why),
			               (const char *[]){ place_of(why), retry_of(why) },
			               refusal_doc(why));
	}
	document_end_entries(d);
}

/* ---- types ---- */

static const char *const type_facts[] = { "example", NULL };

void reference_write_types(struct document *d)
{
	struct option_type type;

	document_begin_entries(d, "type", type_facts);
	for (uint32_t i = 0; option_type_at(i, &type); i++) {
		char example[128];

		snprintf(example, sizeof example, "`%s`", type.example);
		document_entry(d, type.name, (const char *[]){ example }, type.doc);
	}
	document_end_entries(d);
}

/* ---- flags ---- */

static const char *const flag_facts[] = { "default", "variables", "sets", NULL };

static void write_flag(struct document *d, const struct help_flag *f)
{
	char name[192], letter[8] = "", dflt[256] = "", variables[160] = "", sets[160] = "",
			text[1024];
	const char *choices = f->option ? f->option->choices : NULL;

	if (f->letter)
		snprintf(letter, sizeof letter, "-%c, ", f->letter);
	snprintf(name, sizeof name, "%s%s%s%s", letter, f->flag, *f->metavar ? " " : "",
	         f->metavar);
	if (f->option && f->option->dflt && *f->metavar)
		snprintf(dflt, sizeof dflt, "`%s`", f->option->dflt);
	if (*f->variables)
		snprintf(variables, sizeof variables, "`%s`", f->variables);
	if (f->shorthand)
		snprintf(sets, sizeof sets, "`%s`", f->shorthand->target);
	snprintf(text, sizeof text, "%s%s%s", f->doc, choices ? ": " : "", choices ? choices : "");
	document_entry(d, name, (const char *[]){ dflt, variables, sets }, text);
}

void reference_write_flags(struct document *d, unsigned roles)
{
	for (unsigned role = ROLE_SERVER; role <= ROLE_LOCAL; role++) {
		struct help_flag flags[HELP_MAX_FLAGS];
		size_t n = help_list(role, flags);

		if (!(roles & role))
			continue;
		if (roles == BOTH)
			document_heading(d, command_of(role));
		document_begin_entries(d, "flag", flag_facts);
		for (size_t i = 0; i < n; i++)
			write_flag(d, &flags[i]);
		document_end_entries(d);
	}
}
