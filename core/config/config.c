#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/access.h"
#include "base/text.h"
#include "config/command.h"
#include "config/value.h"
#include "net/addr.h"
#include "net/conn.h"

enum { MAX_FILE = 64 * 1024 * 1024, MAX_TRANSPORTS = CONN_MAX_LAYERS - 1 };

const char *const config_instance_keys[] = { "use", "name", "on_error", NULL };

/* ---- the file ---------------------------------------------------------------------------------- */

/* All that a descriptor gives, a pipe's, too. NULL and *err. */
static char *read_to_end(int fd, const char *path, size_t *len_out, struct err *err)
{
	size_t size = 64 * 1024, len = 0;
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

/* ---- from shorthands to the structured form ---------------------------------------------------- */

struct placer {
	struct config *config;
	const struct command *command;
	struct json *root;
	struct diag *diag;
};

static struct json *get_or_add(struct placer *p, struct json *object, const char *key,
                               enum json_type type, struct json_source *source)
{
	struct json *node = json_get(object, key);

	if (node)
		return node;
	node = json_new(p->config->doc, type, NULL, source);
	if (node)
		json_add(p->config->doc, object, key, node);
	return node;
}

static struct json *find_use(const struct json *array, const char *use)
{
	for (struct json *i = array->first; i; i = i->next) {
		const struct json *u = json_get(i, "use");

		if (u && u->type == JSON_STRING && strcmp(u->raw, use) == 0)
			return i;
	}
	return NULL;
}

/* "[hmac]": the entry that uses it; "[0]": the first entry. Added if the section was empty. */
static struct json *get_or_add_entry(struct placer *p, struct json *array, const char *selector,
                                     struct json_source *source)
{
	bool by_index = strcmp(selector, "0") == 0;
	struct json *entry = by_index ? array->first : find_use(array, selector);
	struct json *use;

	if (entry)
		return entry;
	if (array->count > 0)
		return NULL;
	entry = json_new(p->config->doc, JSON_OBJECT, NULL, source);
	use = by_index ? NULL : json_new(p->config->doc, JSON_STRING, selector, source);
	if (!entry || (!use && !by_index))
		return NULL;
	json_add(p->config->doc, array, NULL, entry);
	if (use)
		json_add(p->config->doc, entry, "use", use);
	return entry;
}

/* One step of a target: "section" or "section[entry]" at *at_inout, which goes behind it. NULL if the
 * file's own shape leaves no room for it. */
static struct json *step(struct placer *p, struct json *object, struct json_source *source,
                         const char **at_inout)
{
	char section[32], selector[32];
	const char *at = *at_inout;
	size_t n = strcspn(at, "/[");
	bool entry = at[n] == '[';
	enum json_type type = entry ? JSON_ARRAY : JSON_OBJECT;
	struct json *node;

	snprintf(section, sizeof section, "%.*s", (int)n, at);
	at += n;
	node = get_or_add(p, object, section, type, source);
	if (!node || node->type != type)
		return NULL;
	if (entry) {
		n = strcspn(at, "]");
		snprintf(selector, sizeof selector, "%.*s", (int)n - 1, at + 1);
		at += n + 1;
		node = get_or_add_entry(p, node, selector, source);
	}
	*at_inout = *at ? at + 1 : at;
	return node && node->type == JSON_OBJECT ? node : NULL;
}

/* The object that holds the target's last part, which is *key_out (NULL: the target is an entry, and
 * this is it); NULL if the file's own shape leaves no room for it. */
static struct json *find_place(struct placer *p, const char *target, struct json_source *source,
                               const char **key_out)
{
	struct json *node = p->root;

	*key_out = target + 1;
	while (node && strpbrk(*key_out, "/["))
		node = step(p, node, source, key_out);
	*key_out = **key_out ? *key_out : NULL;
	return node;
}

/* Nothing but a missing entry is worth a word: a section of another shape gets its own. */
static void refuse_place(struct placer *p, const char *target, const struct json *node)
{
	const char *selector = strchr(target, '[');
	const struct json *array = p->root;
	char section[64], parts[64], *rest = parts, *part;

	if (!node || !selector)
		return;
	snprintf(section, sizeof section, "%.*s", (int)(selector - target - 1), target + 1);
	strcpy(parts, section);
	while ((part = strsep(&rest, "/")) != NULL)
		array = json_get(array, part);
	if (array && array->type == JSON_ARRAY)
		diag_add_key(p->diag, node,
		             "expected an entry with \"use\": \"%.*s\" in \"%s\" for it, found none",
		             (int)strcspn(selector + 1, "]"), selector + 1, section);
}

/* {"file": PATH} in place of the path. */
static struct json *file_object(struct placer *p, struct json *path)
{
	struct json *object = json_new(p->config->doc, JSON_OBJECT, NULL, path->source);

	if (!object)
		return NULL;
	object->offset = path->offset;
	object->end = path->end;
	object->written_as = path->written_as;
	json_add(p->config->doc, object, "file", path);
	return object;
}

/* An array of its parts in place of "a, b". */
static struct json *split_list(struct placer *p, const struct json *text)
{
	struct json *array = json_new(p->config->doc, JSON_ARRAY, NULL, text->source), *part;
	/* A string without escapes stands in its source as it is. */
	bool exact = text->end - text->offset == text->len + 1;

	for (const char *at = text->raw, *next; array && at; at = next) {
		size_t n = strcspn(at, ","), blanks = strspn(at, " ");

		next = at[n] ? at + n + 1 : NULL;
		at += blanks;
		n -= blanks;
		while (n > 0 && at[n - 1] == ' ')
			n--;
		part = json_new_text(p->config->doc, at, n, text->source);
		if (!part)
			return NULL;
		part->offset = text->offset + (exact ? 1 + (size_t)(at - text->raw) : 0);
		json_add(p->config->doc, array, NULL, part);
	}
	if (array)
		array->offset = text->offset;
	return array;
}

/* A list of secrets, unless the variable is bore's, which knows no lists. */
static const struct shorthand_list *list_of(const struct command_value *value)
{
	if (value->shorthand->type != SHORTHAND_SECRETS || !strchr(value->text, ',') ||
	    strncmp(value->origin, "BORE_", 5) == 0)
		return NULL;
	for (size_t i = 0; i < n_shorthand_lists; i++) {
		if (strcmp(shorthand_lists[i].target, value->shorthand->target) == 0)
			return &shorthand_lists[i];
	}
	return NULL;
}

/* {"KEY1": ..., "KEY2": ...} of a list with commas. */
static struct json *list_object(struct placer *p, const char *text, const char *key,
                                struct json_source *source)
{
	struct json *object = json_new(p->config->doc, JSON_OBJECT, NULL, source);
	char *copy = json_doc_alloc(p->config->doc, strlen(text) + 1), *part;

	if (!object || !copy)
		return NULL;
	strcpy(copy, text);
	while ((part = strsep(&copy, ",")) != NULL) {
		struct json *node = json_new(p->config->doc, JSON_STRING, part, source);
		char name[32];

		snprintf(name, sizeof name, "%s%zu", key, object->count + 1);
		if (node)
			json_add(p->config->doc, object, name, node);
	}
	p->config->secrets_in_list = object->count;
	return object;
}

/* A flag's or a variable's text as the node that it means; NULL: out of memory. */
static struct json *make_value(struct placer *p, const struct command_value *value,
                               const struct shorthand_list *list, struct json_source *source)
{
	const struct shorthand *s = value->shorthand;
	enum json_type type = JSON_STRING;
	struct json *node;
	uint64_t number;

	if (list)
		return list_object(p, value->text, list->key, source);
	/* A text that is no number stays text: the option's own check says what was expected. */
	if (s->type == SHORTHAND_NUMBER &&
	    text_to_uint(value->text, strlen(value->text), INT32_MAX, &number))
		type = JSON_NUMBER;
	if (s->type >= SHORTHAND_YES &&
	    (strcmp(value->text, "true") == 0 || strcmp(value->text, "1") == 0))
		type = JSON_BOOL;
	node = json_new(p->config->doc, type, value->text, source);
	if (node && type == JSON_BOOL)
		node->boolean = s->type == SHORTHAND_YES;
	if (node && s->type == SHORTHAND_FILE)
		return file_object(p, node);
	return node && s->type == SHORTHAND_LIST ? split_list(p, node) : node;
}

/* Puts it over what the file says. `twin`: another that means the same, with the same right, or NULL. */
static void place_value(struct placer *p, const struct command_value *value,
                        const struct command_value *twin)
{
	const struct shorthand_list *list = list_of(value);
	const char *target = list ? list->list_target : value->shorthand->target, *key;
	struct json_source *source = json_source_add(p->config->doc, value->origin, NULL, 0);
	struct json *object, *node, *old;

	if (!source)
		return;
	node = make_value(p, value, list, source);
	object = find_place(p, target, source, &key);
	if (!object)
		refuse_place(p, target, node);
	if (object && !key) {
		if (node && node->type != JSON_BOOL)
			diag_add(p->diag, node, "expected true, found \"%s\"", value->text);
		return;
	}
	if (twin && node)
		diag_add(p->diag, node, "%s says the same thing: keep one", twin->origin);
	old = json_get(object, key);
	if (old)
		json_detach(old);
	if (node && object)
		json_add(p->config->doc, object, key, node);
}

/* One of n values that has this target; NULL: none. Bore's variables give way to all others. */
static const struct command_value *find_target(const struct command_value *values, size_t n,
                                               const char *target, bool ours_alone)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(values[i].shorthand->target, target) == 0 &&
		    !(ours_alone && strncmp(values[i].origin, "BORE_", 5) == 0))
			return &values[i];
	}
	return NULL;
}

static bool has_target(const struct command_value *values, size_t n, const char *target)
{
	return find_target(values, n, target, false) != NULL;
}

/* Other users can read a process's arguments. The text has been copied by now. */
static void hide_argument(struct placer *p, const struct command_value *value)
{
	if (value->shorthand->type != SHORTHAND_SECRET && value->shorthand->type != SHORTHAND_SECRETS)
		return;
	memset((char *)(uintptr_t)value->text, '*', strlen(value->text));
	p->config->secret_in_arguments = true;
}

/* Of those that mean the same, the last one alone, since it may go elsewhere than the others. */
static void place_values(struct placer *p)
{
	const struct command *command = p->command;

	for (size_t i = 0; i < command->n_variables; i++) {
		const struct command_value *value = &command->variables[i];
		const char *target = value->shorthand->target;

		if (!has_target(value + 1, command->n_variables - i - 1, target) &&
		    !has_target(command->flags, command->n_flags, target))
			place_value(p, value, find_target(command->variables, i, target, true));
	}
	for (size_t i = 0; i < command->n_flags; i++) {
		const struct command_value *value = &command->flags[i];
		const char *target = value->shorthand->target;

		if (!has_target(value + 1, command->n_flags - i - 1, target))
			place_value(p, value, find_target(command->flags, i, target, true));
		hide_argument(p, value);
	}
}

/* A flat key whose target is an entry: true makes it. False is said for the reader alone, so it must not
 * be there for another reason. */
static void place_flat_entry(struct placer *p, struct json *node, const struct shorthand *s)
{
	bool wanted = node->type == JSON_BOOL && node->boolean;
	const char *key, *entry = strchr(s->target, '[') + 1;
	struct json *section;
	char section_name[32], use[32];

	snprintf(section_name, sizeof section_name, "%.*s", (int)strcspn(s->target + 1, "["),
	         s->target + 1);
	snprintf(use, sizeof use, "%.*s", (int)strcspn(entry, "]"), entry);
	section = json_get(p->root, section_name);
	if (node->type != JSON_BOOL)
		diag_add(p->diag, node, "expected true or false, found %s", json_type_name(node->type));
	else if (!wanted && section && section->type == JSON_ARRAY && find_use(section, use))
		diag_add_key(p->diag, node, "\"%s\" is false, but other keys ask for it: leave them out",
		             node->key);
	else if (wanted && !find_place(p, s->target, node->source, &key))
		diag_add_key(p->diag, node, "\"%s\" and /%s say one thing twice: keep one", node->key,
		             section_name);
	json_detach(node);
}

static void place_flat_entries(struct placer *p)
{
	struct json *next;

	for (struct json *node = p->root->first; node; node = next) {
		const struct shorthand *s = shorthand_find(p->config->role, node->key);

		next = node->next;
		if (s && s->type == SHORTHAND_ENTRY)
			place_flat_entry(p, node, s);
	}
}

/* Moves the seed's flat keys to where they mean. */
static void place_flat_keys(struct placer *p)
{
	struct json *next;

	for (struct json *node = p->root->first; node; node = next) {
		const struct shorthand *s = shorthand_find(p->config->role, node->key);
		struct json *object, *other;
		const char *key;
		char pointer[256];

		next = node->next;
		if (!s || s->type == SHORTHAND_NO || s->type == SHORTHAND_ENTRY)
			continue;
		if (has_target(p->command->variables, p->command->n_variables, s->target) ||
		    has_target(p->command->flags, p->command->n_flags, s->target)) {
			json_detach(node);
			continue;
		}
		object = find_place(p, s->target, node->source, &key);
		other = json_get(object, key);
		node->written_as = node->key;
		if (!object)
			refuse_place(p, s->target, node);
		if (other) {
			json_pointer(other, pointer, sizeof pointer);
			diag_add_key(p->diag, node, "\"%s\" and %s say one thing twice: keep one",
			             node->key, pointer);
		}
		json_detach(node);
		if (!object || other)
			continue;
		if (s->type == SHORTHAND_FILE)
			node = file_object(p, node);
		if (s->type == SHORTHAND_LIST && node->type == JSON_STRING)
			node = split_list(p, node);
		if (node)
			json_add(p->config->doc, object, key, node);
	}
}

static void place_defaults(struct placer *p)
{
	for (size_t i = 0; i < n_default_sections; i++) {
		const struct default_section *d = &default_sections[i];
		struct json_source *source;
		struct json_error error;
		struct json *node;

		if (json_get(p->root, d->key))
			continue;
		source = json_source_add(p->config->doc, d->key, d->json, strlen(d->json));
		node = source ? json_parse(p->config->doc, source, &error) : NULL;
		if (!node)
			continue;
		source->text = NULL; /* the operator has no such line */
		json_add(p->config->doc, p->root, d->key, node);
	}
}

/* ---- instances --------------------------------------------------------------------------------- */

static const char *text_member(const struct json *object, const char *key, const char *otherwise,
                               struct diag *diag)
{
	const struct json *node = json_get(object, key);
	char found[96];

	if (!node || node->unknown)
		return otherwise;
	if (node->type == JSON_STRING && node->len > 0 && strlen(node->raw) == node->len)
		return node->raw;
	diag_add(diag, node, "expected a name, found %s", value_describe(node, found, sizeof found));
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
		diag_add(diag, json_get(node, "on_error"), "expected one of deny|next, found \"%s\"",
		         on_error);
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

/* ---- what no single option can say -------------------------------------------------------------- */

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
		diag_add(diag, min ? min : max, "expected min_port <= max_port, found %lld and %lld",
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
static void check_local(struct config *config, struct tunnel_settings *tunnel, const struct json *node,
                        struct diag *diag)
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
		diag_add(diag, local, "expected \"HOST:PORT\" with a port from 1 to 65535, found \"%s\"",
		         tunnel->local);
	} else {
		tunnel->local_host = host || !local ? given.local_host : tunnel->local_host;
		tunnel->local_port = port ? given.local_port : tunnel->local_port;
	}
}

static void check_tunnel(struct config *config, struct tunnel_settings *tunnel, const struct json *node,
                         struct diag *diag)
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

/* ---- loading ----------------------------------------------------------------------------------- */

/* What a client cannot do without, asked for in the command line's own words when there is no file
 * to point into. */
static bool has_essentials(struct placer *p)
{
	bool good = true;

	if (p->config->role != ROLE_LOCAL || p->command->file)
		return true;
	if (!json_get(json_get(p->root, "client"), "to")) {
		diag_add(p->diag, NULL,
		         "spore local: expected the server: --to HOST, SPORE_SERVER, or --config FILE");
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

static bool place_file(struct placer *p)
{
	struct json *file = load_file(p->config, p->command->file, p->command->file_origin, p->diag);

	if (!file)
		return false;
	p->root->source = file->source;
	p->root->offset = file->offset;
	p->root->end = file->end;
	while (file->first)
		json_add(p->config->doc, p->root, file->first->key, file->first);
	place_flat_keys(p);
	place_flat_entries(p);
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
	if (config->transport.n > MAX_TRANSPORTS)
		diag_add(diag, (const struct json *)(const void *)settings->transport,
		         "expected at most %d transports, found %zu", MAX_TRANSPORTS,
		         config->transport.n);
}

static enum config_outcome fill(struct config *config, const struct command *command, struct diag *diag)
{
	struct placer p = { config, command, json_doc_root(config->doc), diag };
	const char *flat_keys[COMMAND_MAX_VALUES + 1];
	bool server = config->role == ROLE_SERVER;

	if (command->file && !place_file(&p))
		return CONFIG_WRONG;
	place_values(&p);
	place_defaults(&p);
	if (!has_essentials(&p))
		return CONFIG_USAGE;
	list_flat_keys(config->role, flat_keys);
	option_fill(&(struct option_scope){ config->doc, diag, config->folder, flat_keys },
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
	return fill(config, &command, diag);
}

enum config_outcome config_load_plugins(const char *path, struct diag *diag, struct config **config_out)
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
		diag_add(diag, plugins, "expected an object, found %s", json_type_name(plugins->type));
	if (file && plugins && diag->count == 0) {
		json_add(config->doc, json_doc_root(config->doc), "plugins", plugins);
		option_fill(&(struct option_scope){ config->doc, diag, config->folder, NULL }, &table,
		            plugins, &config->settings.plugins);
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
