#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "config/command.h"
#include "config/place.h"
#include "files/access.h"
#include "net/addr.h"
#include "option/value_describe.h"
#include "json/parse.h"

enum { MAX_FILE = 64 * 1024 * 1024 };

const char *const config_instance_keys[] = { "use", "name", "on_error", NULL };

/* ---- the file ---- */

/* All that a descriptor gives, a pipe's, too. NULL and *err. */
static char *read_to_end(int fd, const char *path, size_t *len_out, struct err *err)
{
	size_t size = 65536, len = 0;
	char *text = malloc(size), *more;
	ssize_t n = 1;

	while (text && len <= MAX_FILE && (n = read(fd, text + len, size - len)) > 0) {
		len += (size_t)n;
		if (len < size)
			continue;
		size *= 2;
		more = realloc(text, size);
		if (!more)
			free(text);
		text = more;
	}
	if (text && n == 0) {
		*len_out = len;
		return text;
	}
	if (text && n > 0)
		err_set(err, "expected at most 64 MiB in %s, found more", path);
	else
		err_set(err, "cannot read %s: %s", path, strerror(errno));
	free(text);
	return NULL;
}

/* *is_file_out: neither a pipe nor a device. */
static char *read_file(const char *path, size_t *len_out, bool *is_file_out, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		err_set(err, "cannot open %s: %s", path, strerror(errno));
		goto out;
	}
	*is_file_out = S_ISREG(st.st_mode);
	/* The folder it is in does not matter: what others put there belongs to them. */
	if (*is_file_out && !access_is_safe(path, &st, err))
		goto out;
	if (*is_file_out && access_is_doubtful(&st))
		access_warn("configuration", path);
	text = read_to_end(fd, path, len_out, err);
out:
	if (fd >= 0)
		close(fd);
	return text;
}

struct text_check {
	struct diag *diag;
	const struct json_source *source;
};

static void on_mistake(void *arg, size_t offset, const char *text)
{
	struct text_check *check = arg;

	diag_add_at(check->diag, check->source, offset, text);
}

/* What the file says, even if there are mistakes in it; NULL if that is nothing. */
static struct json *load_file(struct config *config, const char *path, const char *origin,
                              struct diag *diag)
{
	struct text_check check = { diag, NULL };
	struct json_source *source;
	struct json *root;
	bool is_file = false;
	struct err err;
	char *text;
	size_t len;

	files_note(&config->files, config->doc, path);
	text = read_file(path, &len, &is_file, &err);
	if (!text) {
		source = json_source_add(config->doc, origin, NULL, 0);
		diag_add_at(diag, source, 0, err.text);
		return NULL;
	}
	check.source = source = json_source_add(config->doc, path, text, len);
	free(text);
	if (is_file) {
		char *folder = json_doc_alloc(config->doc, strlen(path) + 2);

		config->folder = folder ? dirname(strcpy(folder, path)) : NULL;
	}
	root = source ? json_parse_all(config->doc, source, on_mistake, &check) : NULL;
	if (root && root->type != JSON_OBJECT) {
		diag_add(diag, root, "expected an object, found %s", json_type_name(root->type));
		return NULL;
	}
	return root;
}

/* ---- instances ---- */

static const char *text_member(const struct json *object, const char *key, const char *otherwise,
                               struct diag *diag)
{
	const struct json *node = json_get(object, key);
	char found[96];

	if (!node || node->unknown)
		return otherwise;
	if (node->type == JSON_STRING && node->len > 0 && strlen(node->raw) == node->len)
		return node->raw;
	diag_add(diag, node, "expected a name, found %s",
	         value_describe(node, found, sizeof found));
	return otherwise;
}

static void read_instance(const struct json *node, struct config_instance *out, struct diag *diag)
{
	const char *on_error;
	char found[96];

	out->node = node;
	if (node->unknown)
		return;
	if (node->type != JSON_OBJECT) {
		diag_add(diag, node, "expected an object with \"use\", found %s",
		         value_describe(node, found, sizeof found));
		return;
	}
	if (!json_get(node, "use"))
		diag_add(diag, node, "expected the key \"use\" (the plugin's name), found none");
	out->use = text_member(node, "use", NULL, diag);
	out->name = text_member(node, "name", out->use, diag);
	on_error = text_member(node, "on_error", "deny", diag);
	out->continue_on_error = strcmp(on_error, "next") == 0;
	if (!out->continue_on_error && strcmp(on_error, "deny") != 0)
		diag_add(diag, json_get(node, "on_error"),
		         "expected one of deny|next, found \"%s\"", on_error);
}

static void read_chain(struct config *config, const spore_cfg *section, struct config_chain *out,
                       struct diag *diag)
{
	const struct json *array = (const struct json *)(const void *)section;
	char found[96];
	size_t i = 0;

	if (!array || array->unknown)
		return;
	if (array->type != JSON_ARRAY) {
		diag_add(diag, array, "expected an array of instances, found %s",
		         value_describe(array, found, sizeof found));
		return;
	}
	out->items = json_doc_alloc(config->doc, (array->count + 1) * sizeof *out->items);
	if (!out->items)
		return;
	out->n = array->count;
	for (const struct json *node = array->first; node; node = node->next)
		read_instance(node, &out->items[i++], diag);
}

/* ---- what no single option can say ---- */

static const struct json *at(const struct config *config, const char *section, const char *key)
{
	return json_get(json_get(json_doc_root(config->doc), section), key);
}

static void check_server(struct config *config, struct diag *diag)
{
	struct server_settings *server = &config->settings.server;
	const struct json *ports = at(config, "server", "ports");
	const struct json *min = at(config, "server", "min_port");
	const struct json *max = at(config, "server", "max_port");

	if (ports && min)
		diag_add_key(diag, min, "\"min_port\" and \"ports\" say one thing twice: keep one");
	if (ports && max)
		diag_add_key(diag, max, "\"max_port\" and \"ports\" say one thing twice: keep one");
	if (!ports && server->min_port > server->max_port && !diag_has(diag, min) &&
	    !diag_has(diag, max))
		diag_add(diag, min ? min : max,
		         "expected min_port <= max_port, found %lld and %lld",
		         (long long)server->min_port, (long long)server->max_port);
	if (server->ports.count == 0) {
		spore_port_range *range = json_doc_alloc(config->doc, sizeof *range);

		if (range)
			*range = (spore_port_range){ (uint16_t)server->min_port,
				                     (uint16_t)server->max_port };
		server->ports = (spore_list){ range, range != NULL, sizeof *range };
	}
	if (server->bind_tunnels.family == 0)
		server->bind_tunnels = server->bind_addr;
}

/* "HOST:PORT" into its two parts. */
static bool split_local(struct config *config, struct tunnel_settings *tunnel)
{
	const char *colon = strrchr(tunnel->local, ':'), *host = tunnel->local;
	size_t len = colon ? (size_t)(colon - host) : 0;
	uint64_t port;
	char *copy;

	if (!colon || !text_to_uint(colon + 1, strlen(colon + 1), 65535, &port) || port == 0)
		return false;
	if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
		host++;
		len -= 2;
	}
	copy = json_doc_alloc(config->doc, len + 1);
	if (len == 0 || !copy)
		return false;
	memcpy(copy, host, len);
	tunnel->local_host = copy;
	tunnel->local_port = (int64_t)port;
	return true;
}

static bool is_in_file(const struct json *node)
{
	return node && node->source && node->source->text;
}

/* `local` from the file, its parts perhaps from flags, which go before it. */
static void check_local(struct config *config, struct tunnel_settings *tunnel,
                        const struct json *node, struct diag *diag)
{
	const struct json *local = json_get(node, "local"), *host = json_get(node, "local_host");
	const struct json *port = json_get(node, "local_port");
	struct tunnel_settings given = *tunnel;

	if (!local && !port) {
		diag_add(diag, node,
		         "expected the service's port: \"local_port\", or LOCAL_PORT on the "
		         "command line");
	} else if (local && (is_in_file(host) || is_in_file(port))) {
		diag_add_key(diag, local, "\"local\" and \"%s\" say one thing twice: keep one",
		             is_in_file(host) ? "local_host" : "local_port");
	} else if (local && !diag_has(diag, local) && !split_local(config, tunnel)) {
		diag_add(diag, local,
		         "expected \"HOST:PORT\" with a port from 1 to 65535, found \"%s\"",
		         tunnel->local);
	} else {
		tunnel->local_host = host || !local ? given.local_host : tunnel->local_host;
		tunnel->local_port = port ? given.local_port : tunnel->local_port;
	}
}

static void check_tunnel(struct config *config, struct tunnel_settings *tunnel,
                         const struct json *node, struct diag *diag)
{
	check_local(config, tunnel, node, diag);
	if (!tunnel->name) {
		char *name = json_doc_alloc(config->doc, 300);

		if (name)
			snprintf(name, 300, "%.255s:%lld", tunnel->local_host,
			         (long long)tunnel->local_port);
		tunnel->name = name ? name : "";
	}
}

static void check_client(struct config *config, struct diag *diag)
{
	const struct json *section = json_get(json_doc_root(config->doc), "tunnels"), *node = NULL;
	struct tunnel_settings *tunnels = (struct tunnel_settings *)(uintptr_t)
	                                          config->settings.tunnels.items;

	if (section && section->type == JSON_ARRAY)
		node = section->first;
	if (section && section->type == JSON_ARRAY && section->count == 0)
		diag_add(diag, section, "expected at least one tunnel, found none");
	for (size_t i = 0; node && i < config->settings.tunnels.count; i++, node = node->next) {
		if (node->type == JSON_OBJECT)
			check_tunnel(config, &tunnels[i], node, diag);
	}
}

/* ---- loading ---- */

/* What a client cannot do without, asked for in the command line's own words when there is no file
 * to point into. */
static bool has_essentials(struct placer *p)
{
	bool good = true;

	if (p->config->role != ROLE_LOCAL || p->command->file)
		return true;
	if (!json_get(json_get(p->root, "client"), "to")) {
		diag_add(p->diag, NULL,
		         "spore local: expected the server: --to HOST, SPORE_SERVER, or --config "
		         "FILE");
		good = false;
	}
	if (!json_get(p->root, "tunnels")) {
		diag_add(p->diag, NULL,
		         "spore local: expected the port of the service: spore local LOCAL_PORT");
		good = false;
	}
	return good;
}

/* What else may stand at the top of a file; by now it has been moved from there. NULL-ended. */
static void list_flat_keys(unsigned role, const char *names[COMMAND_MAX_VALUES + 1])
{
	size_t n = 0;

	for (size_t i = 0; i < n_shorthands && n < COMMAND_MAX_VALUES; i++) {
		if (shorthands[i].roles & role && shorthands[i].type != SHORTHAND_NO)
			names[n++] = shorthands[i].name;
	}
	names[n] = NULL;
}

/* What an editor goes by; to us it says nothing. */
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

static bool place_file(struct placer *p)
{
	struct json *file = load_file(p->config, p->command->file, p->command->file_origin,
	                              p->diag);

	if (!file)
		return false;
	drop_schema(file, p->diag);
	p->root->source = file->source;
	p->root->offset = file->offset;
	p->root->end = file->end;
	while (file->first)
		json_add(p->config->doc, p->root, file->first->key, file->first);
	place_flat(p);
	return true;
}

static void read_chains(struct config *config, struct diag *diag)
{
	const struct settings *settings = &config->settings;

	read_chain(config, settings->transport, &config->transport, diag);
	read_chain(config, settings->auth, &config->auth, diag);
	read_chain(config, settings->acl.control, &config->acl_control, diag);
	read_chain(config, settings->acl.public_ports, &config->acl_public, diag);
	read_chain(config, settings->metrics, &config->metrics, diag);
	if (config->transport.n > CONFIG_MAX_TRANSPORTS)
		diag_add(diag, (const struct json *)(const void *)settings->transport,
		         "expected at most %d transports, found %zu", CONFIG_MAX_TRANSPORTS,
		         config->transport.n);
}

static enum config_outcome fill(struct config *config, const struct command *command,
                                struct diag *diag)
{
	struct placer p = { config, command, json_doc_root(config->doc), diag, NULL };
	const char *flat_keys[COMMAND_MAX_VALUES + 1];
	bool server = config->role == ROLE_SERVER;

	if (command->file && !place_file(&p))
		return CONFIG_WRONG;
	place_values(&p);
	place_defaults(&p);
	if (!has_essentials(&p))
		return CONFIG_USAGE;
	list_flat_keys(config->role, flat_keys);
	option_fill(&(struct option_scope){ config->doc, diag, config->folder, flat_keys,
	                                    &config->files },
	            server ? &settings_server : &settings_client, p.root, &config->settings);
	read_chains(config, diag);
	server ? check_server(config, diag) : check_client(config, diag);
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
	if (!config || !config->doc) {
		free(config);
		diag_add(diag, NULL, "out of memory");
		return NULL;
	}
	atomic_init(&config->refs, 1);
	config->role = role;
	return config;
}

enum config_outcome config_load(unsigned role, int argc, char *const *argv, struct diag *diag,
                                struct config **config_out)
{
	struct config *config = config_new(role, diag);
	enum config_outcome outcome;
	struct command command;

	*config_out = config;
	if (!config)
		return CONFIG_WRONG;
	outcome = command_read(role, argc, argv, diag, &command);
	if (outcome != CONFIG_LOADED)
		return outcome;
	config->purpose = command.purpose;
	config->path = command.file;
	return fill(config, &command, diag);
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
	file = load_file(config, path, "--config", diag);
	plugins = json_get(file, "plugins");
	if (file && plugins && plugins->type != JSON_OBJECT)
		diag_add(diag, plugins, "expected an object, found %s",
		         json_type_name(plugins->type));
	if (file && plugins && diag->count == 0) {
		json_add(config->doc, json_doc_root(config->doc), "plugins", plugins);
		option_fill(&(struct option_scope){ config->doc, diag, config->folder, NULL, NULL },
		            &table, plugins, &config->settings.plugins);
	}
	return file && diag->count == 0 ? CONFIG_LOADED : CONFIG_WRONG;
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
