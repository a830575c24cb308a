#include "config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/check.h"
#include "config/command.h"
#include "config/file.h"
#include "config/place.h"
#include "log/logline.h"
#include "option/value_describe.h"

/* Reports what the command line of a client lacks if there is no file. The messages name flags. */
static bool has_essentials(const struct placer *p)
{
	const struct json *root = json_doc_root(p->doc);
	bool good = true;

	if (p->role != ROLE_LOCAL || p->command->file)
		return true;
	if (!json_get(json_get(root, "client"), "to")) {
		diag_add(p->diag, NULL,
		         "spore local: expected the server: --to HOST, SPORE_SERVER, or --config "
		         "FILE");
		good = false;
	}
	if (!json_get(root, "tunnels")) {
		diag_add(p->diag, NULL,
		         "spore local: expected the port of the service: spore local LOCAL_PORT");
		good = false;
	}
	return good;
}

/* Lists the names of the flat keys, which a message about an unknown key may suggest. In the tree
 * the flat keys have been moved by now. NULL-ended. */
static void list_flat_keys(unsigned role, const char *names[COMMAND_MAX_VALUES + 1])
{
	size_t n = 0;

	for (size_t i = 0; i < n_shorthands && n < COMMAND_MAX_VALUES; i++) {
		if (shorthands[i].roles & role && shorthands[i].type != SHORTHAND_NO)
			names[n++] = shorthands[i].name;
	}
	names[n] = NULL;
}

/* Removes the key "$schema", which is for editors. */
static void drop_schema(struct json *file, struct diag *diag)
{
	struct json *node = json_get(file, "$schema");
	char found[96];

	if (node && node->type != JSON_STRING && !node->unknown)
		diag_add(diag, node, "expected a string, found %s",
		         value_describe(node, found, sizeof found));
	if (node)
		json_detach(node);
}

/* True if a file of that role may have this key at its top. */
static bool has_key(unsigned role, const char *key)
{
	const struct option_table *table = role == ROLE_SERVER ? &settings_server
	                                                       : &settings_client;

	return option_find(table, key) || shorthand_find(role, key);
}

/* The first key that only the other role has, if no key belongs to this role alone; else NULL. */
static const struct json *find_foreign_key(const struct json *file, unsigned role)
{
	unsigned other = role == ROLE_SERVER ? ROLE_LOCAL : ROLE_SERVER;
	const struct json *foreign = NULL;

	for (const struct json *i = file->first; i; i = i->next) {
		bool ours = has_key(role, i->key), theirs = has_key(other, i->key);

		if (ours && !theirs)
			return NULL;
		if (theirs && !ours && !foreign)
			foreign = i;
	}
	return foreign;
}

/* Reports and removes the keys that only the other role has. */
static void drop_foreign_keys(const struct json *file, unsigned role, struct diag *diag)
{
	unsigned other = role == ROLE_SERVER ? ROLE_LOCAL : ROLE_SERVER;
	struct json *next;

	for (struct json *i = file->first; i; i = next) {
		next = i->next;
		if (has_key(role, i->key) || !has_key(other, i->key))
			continue;
		diag_add_key(diag, i, "unknown key \"%s\": it belongs to spore %s", i->key,
		             other == ROLE_SERVER ? "server" : "local");
		json_detach(i);
	}
}

/* Reads the log's format alone, for messages about a file whose settings are not read. */
static void peek_at_log_format(struct config *config, const struct json *file)
{
	const struct json *format = json_get(json_get(file, "log"), "format");

	if (format && format->type == JSON_STRING && strcmp(format->raw, "json") == 0)
		config->settings.log.format = LOG_FORMAT_JSON;
}

/* Moves the file's members to the document's root. False: the file could not be read, or belongs to
 * the other role; the diag says which. */
static bool place_file(struct config *config, struct placer *p)
{
	struct json *root = json_doc_root(config->doc);
	struct json *file = file_load(config->doc, &config->files, p->command->file,
	                              p->command->file_origin, &config->folder, p->diag);
	const struct json *foreign;

	if (!file)
		return false;
	foreign = find_foreign_key(file, p->role);
	if (foreign) {
		peek_at_log_format(config, file);
		diag_add_key(p->diag, foreign,
		             "this is a configuration for spore %s, not for spore %s",
		             p->role == ROLE_SERVER ? "local" : "server",
		             p->role == ROLE_SERVER ? "server" : "local");
		return false;
	}
	drop_schema(file, p->diag);
	drop_foreign_keys(file, p->role, p->diag);
	root->source = file->source;
	root->offset = file->offset;
	root->end = file->end;
	while (file->first) /* json_add takes the member out of `file` */
		json_add(config->doc, root, file->first->key, file->first);
	place_flat(p);
	return true;
}

/* The pointer of a chain of this entry. */
static const char *point_at(struct json_doc *doc, size_t entry, const struct chain_row *row)
{
	char text[64];

	snprintf(text, sizeof text, "/public/%zu%s", entry, strrchr(row->pointer, '/'));
	return json_doc_text(doc, text, strlen(text));
}

/* The row of the chain at this position of an entry. */
static const struct chain_row *row_of(const struct config *config, size_t entry,
                                      enum public_chain_id id)
{
	const struct public_settings *entries = config->settings.public.items;

	return id == PUBLIC_TRANSPORT && entries[entry].listen_port > 0 ? &shared_transport_row
	                                                                : &public_chain_rows[id];
}

/* Makes room for the chains, which are empty. False: out of memory. */
static bool make_chains(struct config *config, size_t n)
{
	struct config_chain *chains = json_doc_alloc(config->doc, n * sizeof *chains);

	if (!chains)
		return false;
	for (size_t i = 0; i < n; i++) {
		size_t entry = (i - N_CHAINS) / PUBLIC_CHAINS;

		chains[i].row = i < N_CHAINS
		                        ? &chain_rows[i]
		                        : row_of(config, entry, (i - N_CHAINS) % PUBLIC_CHAINS);
		chains[i].pointer = i < N_CHAINS ? chain_rows[i].pointer
		                                 : point_at(config->doc, entry, chains[i].row);
	}
	config->chains = chains;
	config->n_chains = n;
	return true;
}

/* The names of instances in entries of "public" begin with that of the entry, or with its place if
 * it has none or an earlier entry has the same one. So each name is unique, and metrics of two
 * entries stay apart. */
static const char *prefix_of(const struct config *config, size_t entry)
{
	const struct public_settings *entries = config->settings.public.items;
	const char *name = entries[entry].name;
	char place[64];

	for (size_t i = 0; name && i < entry; i++) {
		if (entries[i].name && strcmp(entries[i].name, name) == 0)
			name = NULL;
	}
	if (name)
		return name;
	snprintf(place, sizeof place, "public/%zu", entry);
	return json_doc_text(config->doc, place, strlen(place));
}

static void read_chains(struct config *config, struct diag *diag)
{
	const struct public_settings *entries = config->settings.public.items;
	size_t n_entries = config->settings.public.count;

	if (!make_chains(config, chain_of_entry(n_entries, 0))) {
		diag_add(diag, NULL, "out of memory");
		return;
	}
	for (size_t i = 0; i < config->n_chains; i++) {
		size_t from_public = i - N_CHAINS;
		const spore_cfg *section = i < N_CHAINS
		                                   ? config->settings.chains[i]
		                                   : entries[from_public / PUBLIC_CHAINS]
		                                             .chains[from_public % PUBLIC_CHAINS];

		if (i >= N_CHAINS)
			config->chains[i].prefix = prefix_of(config, from_public / PUBLIC_CHAINS);
		chain_read(config->chains[i].row, config->doc, section, &config->chains[i], diag);
	}
}

size_t config_find_chain(const struct config *config, const char *pointer)
{
	size_t i = 0;

	while (i < config->n_chains && strcmp(config->chains[i].pointer, pointer) != 0)
		i++;
	return i;
}

static void fill_settings(struct config *config, struct diag *diag)
{
	const char *flat_keys[COMMAND_MAX_VALUES + 1];
	struct option_scope scope = { config->doc, diag, config->folder, flat_keys,
		                      &config->files };
	bool server = config->role == ROLE_SERVER;

	list_flat_keys(config->role, flat_keys);
	option_fill(&scope, server ? &settings_server : &settings_client,
	            json_doc_root(config->doc), &config->settings);
	read_chains(config, diag);
	(server ? check_server : check_client)(&config->settings, config->doc, diag);
	if (!server)
		check_uses(&config->settings, &config->chains[CHAIN_CHECKS], config->doc, diag);
}

static enum config_outcome fill_config(struct config *config, const struct command *command,
                                       struct diag *diag)
{
	struct placer p = {
		.doc = config->doc, .role = config->role, .command = command, .diag = diag
	};

	if (command->file && !place_file(config, &p))
		return CONFIG_WRONG;
	place_values(&p);
	config->secret_in_arguments = p.secret_in_arguments;
	config->secrets_in_list = p.secrets_in_list;
	if (p.role == ROLE_LOCAL)
		entry_expand(config->doc, &shorthand_entry, diag);
	place_defaults(&p);
	if (!has_essentials(&p))
		return CONFIG_USAGE;
	fill_settings(config, diag);
	config->is_readable = true;
	if (diag->count == 0)
		return CONFIG_LOADED;
	return diag->count_elsewhere ? CONFIG_WRONG : CONFIG_USAGE;
}

static struct config *config_new(unsigned role, struct diag *diag)
{
	struct config *config = calloc(1, sizeof *config);

	if (config)
		config->doc = json_doc_new();
	if (!config || !config->doc || !make_chains(config, N_CHAINS)) {
		if (config && config->doc)
			json_doc_free(config->doc);
		free(config);
		diag_add(diag, NULL, "out of memory");
		return NULL;
	}
	atomic_init(&config->refs, 1);
	config->role = role;
	return config;
}

enum config_outcome config_load_command(unsigned role, const struct command *command,
                                        struct diag *diag, struct config **config_out)
{
	struct config *config = config_new(role, diag);

	*config_out = config;
	if (!config)
		return CONFIG_WRONG;
	config->purpose = command->purpose;
	if (command->file) /* a copy, since the words of a reload do not outlive it */
		config->path = json_doc_text(config->doc, command->file, strlen(command->file));
	return fill_config(config, command, diag);
}

enum config_outcome config_load(unsigned role, int argc, char *const *argv, struct diag *diag,
                                struct config **config_out)
{
	struct command command;
	enum config_outcome outcome = command_read(role, argc, argv, diag, &command);

	if (outcome != CONFIG_LOADED) {
		*config_out = config_new(role, diag);
		return *config_out ? outcome : CONFIG_WRONG;
	}
	outcome = config_load_command(role, &command, diag, config_out);
	if (*config_out)
		command_warn_of_variables(role, json_doc_root((*config_out)->doc));
	return outcome;
}

enum config_outcome config_load_plugins(const char *path, struct diag *diag,
                                        struct config **config_out)
{
	struct config *config = config_new(ROLE_SERVER, diag);
	const spore_option_item *section = option_find(&settings_server, "plugins")->item;
	struct option_table table = { section->options, section->n_options, section->option_size };
	struct json *file, *plugins;

	*config_out = config;
	if (!config || !path)
		return config ? CONFIG_LOADED : CONFIG_WRONG;
	file = file_load(config->doc, &config->files, path, "--config", &config->folder, diag);
	file_warn_of_modes(path);
	if (!file)
		return CONFIG_WRONG;
	plugins = json_get(file, "plugins");
	if (plugins && plugins->type != JSON_OBJECT)
		diag_add(diag, plugins, "expected an object, found %s",
		         json_type_name(plugins->type));
	if (plugins && diag->count == 0) {
		json_add(config->doc, json_doc_root(config->doc), "plugins", plugins);
		option_fill(&(struct option_scope){ config->doc, diag, config->folder, NULL, NULL },
		            &table, plugins, &config->settings.plugins);
	}
	return diag->count == 0 ? CONFIG_LOADED : CONFIG_WRONG;
}

struct config *config_ref(struct config *config)
{
	atomic_fetch_add(&config->refs, 1);
	return config;
}

void config_unref(struct config *config)
{
	if (!config || atomic_fetch_sub(&config->refs, 1) > 1)
		return;
	json_doc_free(config->doc);
	free(config);
}
