#include "reference/schema.h"

#include <ctype.h>
#include <string.h>

#include "config/command.h"
#include "config/settings.h"
#include "config/shorthands.h"
#include "inventory/plugin_view.h"
#include "option/option_type.h"
#include "plugin/kind.h"
#include "reference/catalogue.h"
#include "reference/schema_option.h"
#include "version.h"
#include "json/jsonout.h"

struct writer {
	struct jsonout json;
	const struct catalogue *catalogue;
	unsigned role;
};

static const struct option_table *root_of(unsigned role)
{
	return role == ROLE_SERVER ? &settings_server : &settings_client;
}

static void write_reference(struct jsonout *json, const char *key, const char *what,
                            const char *name)
{
	char target[640];

	snprintf(target, sizeof target, "#/definitions/%s%s", what, name);
	jsonout_begin(json, key, '{');
	jsonout_text(json, "$ref", target);
	jsonout_end(json, '}');
}

/* ---- instances of plugins ---- */

/* The name of the component's definition, such as "acl.acl_acme:list". Characters that a "$ref"
 * must not contain are replaced. */
static const char *component_name(const struct catalogue_entry *entry, char *out, size_t size)
{
	snprintf(out, size, "%s.%s", plugin_view_kind(entry->component), entry->use_by_file);
	for (char *c = out; *c; c++) {
		if (!isalnum((unsigned char)*c) && !strchr("._:-", *c))
			*c = '_';
	}
	return out;
}

static void write_uses(struct jsonout *json, const struct catalogue_entry *entry)
{
	jsonout_text(json, NULL, entry->use);
	if (strcmp(entry->use, entry->use_by_file) != 0)
		jsonout_text(json, NULL, entry->use_by_file);
}

/* An instance whose "use" names this component has the component's options. */
static void write_choice(struct jsonout *json, const struct catalogue_entry *entry)
{
	char name[512];

	jsonout_begin(json, NULL, '{');
	jsonout_begin(json, "if", '{');
	jsonout_begin(json, "properties", '{');
	jsonout_begin(json, "use", '{');
	jsonout_begin(json, "enum", '[');
	write_uses(json, entry);
	jsonout_end(json, ']');
	jsonout_end(json, '}');
	jsonout_end(json, '}');
	jsonout_value(json, "required", "[\"use\"]");
	jsonout_end(json, '}');
	write_reference(json, "then", "", component_name(entry, name, sizeof name));
	jsonout_end(json, '}');
}

/* The strings among the keys of an instance are names, so they must not be empty. */
static void write_instance_rows(struct jsonout *json, const struct catalogue *catalogue,
                                const struct kind *kind)
{
	for (uint32_t i = 0; i < settings_instance.n; i++) {
		const spore_option *row = option_row(&settings_instance, i);

		jsonout_begin(json, row->name, '{');
		schema_option_write_body(json, row, NULL);
		if (row->type == SPORE_OPT_STRING)
			jsonout_int(json, "minLength", 1);
		if (row->flags & SPORE_OPTF_REQUIRED) { /* "use": only components of this kind */
			jsonout_begin(json, "enum", '[');
			for (size_t j = 0; j < catalogue->n; j++) {
				if (catalogue->entries[j].component->kind == kind->id)
					write_uses(json, &catalogue->entries[j]);
			}
			jsonout_end(json, ']');
		}
		jsonout_end(json, '}');
	}
}

/* What an entry of a chain of this kind may be. */
static void write_kind(struct jsonout *json, const struct catalogue *catalogue,
                       const struct kind *kind)
{
	char name[64];

	snprintf(name, sizeof name, "any.%s", kind->name);
	jsonout_begin(json, name, '{');
	jsonout_text(json, "type", "object");
	jsonout_begin(json, "properties", '{');
	write_instance_rows(json, catalogue, kind);
	jsonout_end(json, '}');
	schema_option_write_required(json, &settings_instance, NULL);
	jsonout_begin(json, "allOf", '[');
	for (size_t i = 0; i < catalogue->n; i++) {
		if (catalogue->entries[i].component->kind == kind->id)
			write_choice(json, &catalogue->entries[i]);
	}
	jsonout_end(json, ']');
	jsonout_end(json, '}');
}

/* The first section whose instances are of this kind. */
static const char *section_of_kind(uint32_t kind)
{
	const struct chain_row *row = public_chain_rows;

	for (size_t i = 0; i < N_CHAINS; i++) {
		if (chain_rows[i].kind == kind)
			return chain_rows[i].pointer;
	}
	while (row->kind != kind)
		row++;
	return row->pointer;
}

static void write_component(struct jsonout *json, const struct catalogue_entry *entry)
{
	struct option_table table = catalogue_options(entry);
	char name[512], place[512];

	snprintf(place, sizeof place, "%s[%s]", section_of_kind(entry->component->kind),
	         entry->use);
	jsonout_begin(json, component_name(entry, name, sizeof name), '{');
	jsonout_text(json, "description", entry->component->summary);
	jsonout_begin(json, "properties", '{');
	/* Keys that every instance may have. write_kind says which values they accept. */
	for (uint32_t i = 0; i < settings_instance.n; i++)
		jsonout_value(json, option_row(&settings_instance, i)->name, "{}");
	schema_option_write_rows(json, &table);
	jsonout_end(json, '}');
	schema_option_write_required(json, &table, place);
	jsonout_bool(json, "additionalProperties", false);
	jsonout_end(json, '}');
}

static void write_plugins(struct jsonout *json, const struct catalogue *catalogue)
{
	for (size_t i = 0; i < catalogue->n; i++)
		write_component(json, &catalogue->entries[i]);
	for (size_t i = 0; i < n_kind_rows; i++)
		write_kind(json, catalogue, &kind_rows[i]);
}

/* ---- sections ---- */

static void write_row(struct writer *w, const spore_option *row, const char *place);

/* Is it a list of objects that have chains of instances? */
static bool has_chains(const spore_option *row, const char *pointer)
{
	struct option_table table = option_inner(row);
	char inner[160];

	for (uint32_t i = 0; row->type == SPORE_OPT_LIST && i < table.n; i++) {
		snprintf(inner, sizeof inner, "%s[0]/%s", pointer, option_row(&table, i)->name);
		if (chain_find(inner))
			return true;
	}
	return false;
}

static void write_entries(struct writer *w, const spore_option *row, const char *pointer)
{
	struct option_table table = option_inner(row);
	char place[160];

	snprintf(place, sizeof place, "%s[0]", pointer);
	jsonout_text(&w->json, "description", row->doc);
	jsonout_text(&w->json, "type", "array");
	jsonout_begin(&w->json, "items", '{');
	jsonout_text(&w->json, "type", "object");
	jsonout_begin(&w->json, "properties", '{');
	for (uint32_t i = 0; i < table.n; i++)
		write_row(w, option_row(&table, i), place);
	jsonout_end(&w->json, '}');
	schema_option_write_required(&w->json, &table, NULL);
	jsonout_bool(&w->json, "additionalProperties", false);
	jsonout_end(&w->json, '}');
}

/* `place`: of the object that has the row, as a JSON pointer. */
static void write_row(struct writer *w, const spore_option *row, const char *place)
{
	const struct chain_row *chain;
	char pointer[128];

	snprintf(pointer, sizeof pointer, "%s/%s", place, row->name);
	chain = chain_find(pointer);
	jsonout_begin(&w->json, row->name, '{');
	if (has_chains(row, pointer)) {
		write_entries(w, row, pointer);
	} else if (!chain) {
		schema_option_write_body(&w->json, row, NULL);
	} else {
		jsonout_text(&w->json, "description", row->doc);
		jsonout_text(&w->json, "type", "array");
		write_reference(&w->json, "items", "any.", kind_name(chain->kind));
		if (chain->needs_one)
			jsonout_int(&w->json, "minItems", 1);
		if (chain->max)
			jsonout_int(&w->json, "maxItems", (int64_t)chain->max);
	}
	jsonout_end(&w->json, '}');
}

/* Writes an object in the root. Its rows may be chains, or be set by flags. */
static void write_section(struct writer *w, const spore_option *section)
{
	struct option_table table = option_inner(section);
	char place[64];

	snprintf(place, sizeof place, "/%s", section->name);
	jsonout_begin(&w->json, section->name, '{');
	jsonout_text(&w->json, "description", section->doc);
	jsonout_text(&w->json, "type", "object");
	jsonout_begin(&w->json, "properties", '{');
	for (uint32_t i = 0; i < table.n; i++)
		write_row(w, option_row(&table, i), place);
	jsonout_end(&w->json, '}');
	schema_option_write_required(&w->json, &table, place);
	jsonout_bool(&w->json, "additionalProperties", false);
	jsonout_end(&w->json, '}');
}

/* ---- flat keys ---- */

static void write_flat_body(struct writer *w, const struct shorthand *s)
{
	const spore_option *row = catalogue_target(w->catalogue, w->role, s->target);

	if (row)
		schema_option_write_body(&w->json, row, s->doc);
	else if (s->doc)
		jsonout_text(&w->json, "description", s->doc);
}

static void write_flat(struct writer *w, const struct shorthand *s)
{
	struct jsonout *json = &w->json;

	jsonout_begin(json, s->name, '{');
	if (s->type == SHORTHAND_ENTRY || s->type == SHORTHAND_FILE) {
		jsonout_text(json, "description", s->doc);
		jsonout_text(json, "type", s->type == SHORTHAND_ENTRY ? "boolean" : "string");
		if (s->type == SHORTHAND_FILE)
			jsonout_int(json, "minLength", 1);
	} else if (s->type == SHORTHAND_LIST) {
		jsonout_begin(json, "anyOf", '[');
		jsonout_value(json, NULL, "{\"type\": \"string\", \"minLength\": 1}");
		jsonout_begin(json, NULL, '{');
		write_flat_body(w, s);
		jsonout_end(json, '}');
		jsonout_end(json, ']');
	} else {
		write_flat_body(w, s);
	}
	jsonout_end(json, '}');
}

static bool is_flat_key(const struct shorthand *s, unsigned role)
{
	return s->roles & role && s->type != SHORTHAND_NO;
}

/* ---- roles ---- */

static void write_role(struct writer *w)
{
	const struct option_table *root = root_of(w->role);

	jsonout_begin(&w->json, w->role == ROLE_SERVER ? "server" : "local", '{');
	jsonout_text(&w->json, "type", "object");
	jsonout_begin(&w->json, "properties", '{');
	jsonout_value(&w->json, "$schema", "{\"type\": \"string\"}");
	for (uint32_t i = 0; i < root->n; i++) {
		if (option_row(root, i)->type == SPORE_OPT_OBJECT)
			write_section(w, option_row(root, i));
		else
			write_row(w, option_row(root, i), "");
	}
	for (size_t i = 0; i < n_shorthands; i++) {
		if (is_flat_key(&shorthands[i], w->role))
			write_flat(w, &shorthands[i]);
	}
	jsonout_end(&w->json, '}');
	schema_option_write_required(&w->json, root, "");
	jsonout_bool(&w->json, "additionalProperties", false);
	jsonout_end(&w->json, '}');
}

static void write_key_present(struct jsonout *json, const char *key)
{
	jsonout_begin(json, NULL, '{');
	jsonout_begin(json, "required", '[');
	jsonout_text(json, NULL, key);
	jsonout_end(json, ']');
	jsonout_end(json, '}');
}

/* A file is a client's if it has a key that servers do not have. */
static void write_role_choice(struct jsonout *json)
{
	jsonout_begin(json, "if", '{');
	jsonout_begin(json, "anyOf", '[');
	for (uint32_t i = 0; i < settings_client.n; i++) {
		const char *key = option_row(&settings_client, i)->name;

		if (!option_find(&settings_server, key))
			write_key_present(json, key);
	}
	for (size_t i = 0; i < n_shorthands; i++) {
		if (is_flat_key(&shorthands[i], ROLE_LOCAL) &&
		    !shorthand_find(ROLE_SERVER, shorthands[i].name))
			write_key_present(json, shorthands[i].name);
	}
	jsonout_end(json, ']');
	jsonout_end(json, '}');
	write_reference(json, "then", "local", "");
	write_reference(json, "else", "server", "");
}

void schema_write(unsigned roles, const struct catalogue *catalogue, FILE *out)
{
	struct writer w = { .json = { .out = out }, .catalogue = catalogue };

	jsonout_begin(&w.json, NULL, '{');
	jsonout_text(&w.json, "$schema", "http://json-schema.org/draft-07/schema#");
	jsonout_text(&w.json, "title", "The configuration of spore " SPORE_VERSION);
	if (roles == (ROLE_SERVER | ROLE_LOCAL)) {
		write_role_choice(&w.json);
	} else {
		jsonout_begin(&w.json, "allOf", '[');
		write_reference(&w.json, NULL, roles == ROLE_SERVER ? "server" : "local", "");
		jsonout_end(&w.json, ']');
	}
	jsonout_begin(&w.json, "definitions", '{');
	for (w.role = ROLE_SERVER; w.role <= ROLE_LOCAL; w.role++) {
		if (roles & w.role)
			write_role(&w);
	}
	write_plugins(&w.json, catalogue);
	schema_option_write_types(&w.json);
	jsonout_end(&w.json, '}');
	jsonout_end(&w.json, '}');
}
