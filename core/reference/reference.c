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
#include "option/option_type.h"
#include "plugin/kind.h"
#include "reference/catalogue.h"
#include "reference/document.h"

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

/* A plugin's instances are made anew by a reload, and only a server has one: the last counts for
 * its keys. */
static const char *const option_facts[] = { "type", "default", NULL };
static const char *const key_facts[] = { "type", "default", "reload", NULL };

/* One table that is told of. */
struct telling {
	struct document *document;
	unsigned roles; /* whose flags are told, too; 0: it is a plugin's, which has none */
};

/* "off|prefer" reads better as "`off`, `prefer`". */
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

/* JSON, or NULL. A chain that a file leaves out has its own default; without one, an option is
 * empty. */
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

/* `kind`: of the instances that it holds; NULL: it holds none. */
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

/* The flags for which a key stands: "`--min-port`". */
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

/* What follows an option's name before those of what it holds. */
static const char *joint_of(const spore_option *row)
{
	return row->type == SPORE_OPT_LIST ? "[]." : row->type == SPORE_OPT_MAP ? ".NAME." : ".";
}

/* An option and what it holds. `name` is how a file's reader would say it, `target` how a shorthand
 * does; `change` is what the rows above it say. */
static void write_tree(const struct telling *t, const char *name, const char *target,
                       const spore_option *row, enum option_change change)
{
	struct option_table inner = option_inner(row);
	const struct chain_row *chain = t->roles ? chain_find(target) : NULL;
	const char *kind = chain ? kind_name(chain->kind) : NULL;
	char flags[256], inner_name[256], inner_target[256];

	if (t->roles)
		change = option_change_of(row, change);
	list_flags(t->roles, target, flags, sizeof flags);
	write_option(t->document, name, row, kind, flags, change);
	for (uint32_t i = 0; i < inner.n; i++) {
		const spore_option *next = option_row(&inner, i);

		snprintf(inner_name, sizeof inner_name, "%.120s%s%.120s", name, joint_of(row),
		         next->name);
		snprintf(inner_target, sizeof inner_target, "%.120s%s/%.120s", target,
		         row->type == SPORE_OPT_LIST ? "[0]" : "", next->name);
		write_tree(t, inner_name, inner_target, next, change);
	}
}

static void write_table(struct document *d, const struct option_table *table)
{
	const struct telling t = { d, 0 };

	document_begin_entries(d, "option", option_facts);
	for (uint32_t i = 0; i < table->n; i++)
		write_tree(&t, option_row(table, i)->name, "", option_row(table, i), OPTION_LIVE);
	document_end_entries(d);
}

/* ---- keys ---- */

static void begin_keys(const struct telling *t)
{
	document_begin_entries(t->document, "key",
	                       t->roles == ROLE_LOCAL ? option_facts : key_facts);
}

static void write_section(const struct telling *t, const spore_option *section)
{
	enum option_change change = option_change_of(section, OPTION_LIVE);
	struct option_table table = option_inner(section);
	char name[128], target[128], text[1024];

	snprintf(text, sizeof text, "`%s`: %s.", section->name, section->doc);
	document_paragraph(t->document, text);
	begin_keys(t);
	for (uint32_t i = 0; i < table.n; i++) {
		const spore_option *row = option_row(&table, i);

		snprintf(name, sizeof name, "%s.%s", section->name, row->name);
		snprintf(target, sizeof target, "/%s/%s", section->name, row->name);
		write_tree(t, name, target, row, change);
	}
	document_end_entries(t->document);
}

/* Does a root row belong to this group: one role's own, or what both have? */
static bool is_in_group(const spore_option *row, unsigned roles, unsigned group)
{
	bool both = option_find(&settings_server, row->name) &&
	            option_find(&settings_client, row->name);

	return roles != BOTH || (group == BOTH) == both;
}

/* Rows of a root that are no sections. */
static void write_rows(const struct telling *t, const struct option_table *root, unsigned roles)
{
	char target[128];
	bool some = false;

	for (uint32_t i = 0; i < root->n; i++) {
		const spore_option *row = option_row(root, i);

		if (row->type == SPORE_OPT_OBJECT || !is_in_group(row, roles, t->roles))
			continue;
		if (!some)
			begin_keys(t);
		some = true;
		snprintf(target, sizeof target, "/%s", row->name);
		write_tree(t, row->name, target, row, OPTION_LIVE);
	}
	if (some)
		document_end_entries(t->document);
}

static void write_group(struct document *d, unsigned roles, unsigned group)
{
	const struct option_table *root = root_of(group == BOTH ? ROLE_SERVER : group);
	const struct telling t = { d, group };

	document_heading(d, group == BOTH ? "Both" : command_of(group));
	for (uint32_t i = 0; i < root->n; i++) {
		const spore_option *row = option_row(root, i);

		if (row->type == SPORE_OPT_OBJECT && is_in_group(row, roles, group))
			write_section(&t, row);
	}
	write_rows(&t, root, roles);
}

void reference_write_keys(struct document *d, unsigned roles)
{
	for (unsigned group = ROLE_SERVER; group <= BOTH; group++) {
		if (roles == BOTH || roles == group)
			write_group(d, roles, group);
	}
	document_heading(d, "Instances of plugins");
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

void reference_write_plugins(struct document *d, unsigned roles, const struct catalogue *catalogue)
{
	for (size_t i = 0; i < catalogue->n; i++) {
		if (has_role(catalogue->entries[i].component, roles))
			write_plugin(d, &catalogue->entries[i]);
	}
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
	snprintf(text, sizeof text, "%s%s%s", f->doc, f->option && f->option->choices ? ": " : "",
	         f->option && f->option->choices ? f->option->choices : "");
	document_entry(d, name, (const char *[]){ dflt, variables, sets }, text);
}

void reference_write_flags(struct document *d, unsigned roles)
{
	for (unsigned role = ROLE_SERVER; role <= ROLE_LOCAL; role++) {
		struct help_flag flag;

		if (!(roles & role))
			continue;
		if (roles == BOTH)
			document_heading(d, command_of(role));
		document_begin_entries(d, "flag", flag_facts);
		for (size_t i = 0; help_flag_at(role, i, &flag); i++)
			write_flag(d, &flag);
		document_end_entries(d);
	}
}
