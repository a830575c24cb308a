#include "config/check.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "config/settings.h"
#include "config/target.h"
#include "version.h"
#include "wire/about.h"

/* ---- the server ---- */

static const struct json *server_node(struct json_doc *doc, const char *key)
{
	return json_get(json_get(json_doc_root(doc), "server"), key);
}

static void check_ports(const struct server_settings *server, struct json_doc *doc,
                        struct diag *diag)
{
	const struct json *ports = server_node(doc, "ports");
	const struct json *min = server_node(doc, "min_port"), *max = server_node(doc, "max_port");

	if (ports && min)
		diag_add_key(diag, min, "\"min_port\" conflicts with \"ports\": keep one");
	if (ports && max)
		diag_add_key(diag, max, "\"max_port\" conflicts with \"ports\": keep one");
	if (!ports && server->min_port > server->max_port && !diag_has(diag, min) &&
	    !diag_has(diag, max))
		diag_add(diag, min ? min : max,
		         "expected min_port <= max_port, found %lld and %lld",
		         (long long)server->min_port, (long long)server->max_port);
}

void check_server(struct settings *settings, struct json_doc *doc, struct diag *diag)
{
	struct server_settings *server = &settings->server;

	check_ports(server, doc, diag);
	if (server->ports.count == 0) {
		spore_port_range *range = json_doc_alloc(doc, sizeof *range);

		if (range)
			*range = (spore_port_range){ (uint16_t)server->min_port,
				                     (uint16_t)server->max_port };
		server->ports = (spore_list){ range, range != NULL, sizeof *range };
	}
	if (server->bind_tunnels.family == 0)
		server->bind_tunnels = server->bind_addr;
}

/* ---- the client ---- */

/* Splits `local`. Mistakes go to the diag. */
static void split_local(struct json_doc *doc, struct tunnel_settings *tunnel,
                        const struct json *local, struct diag *diag)
{
	const char *why = "expected \"HOST:PORT\" with a port from 1 to 65535";
	struct target target;
	bool is_target = target_read(tunnel->local, &target, &why);

	if (is_target && target.is_bare_ipv6)
		why = "expected an IPv6 address in brackets, as in [::1]:80";
	if (is_target && target.port) {
		tunnel->local_host = json_doc_text(doc, target.host, target.host_len);
		tunnel->local_port = target.port;
	} else {
		diag_add(diag, local, "%s, found \"%s\"", why, tunnel->local);
	}
}

static bool is_in_file(const struct json *node)
{
	return node && node->source && node->source->text;
}

/* The file may give the service as `local`. Then flags and variables may still replace its host or
 * port; the file's own local_host and local_port may not. */
static void check_service(struct json_doc *doc, struct tunnel_settings *tunnel,
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
		diag_add_key(diag, local, "\"local\" conflicts with \"%s\": keep one",
		             is_in_file(host) ? "local_host" : "local_port");
	} else {
		if (local && !diag_has(diag, local))
			split_local(doc, tunnel, local, diag);
		tunnel->local_host = host || !local ? given.local_host : tunnel->local_host;
		tunnel->local_port = port ? given.local_port : tunnel->local_port;
	}
}

/* ---- what a client says about a tunnel ---- */

/* The items, while they are collected. */
struct saying {
	struct json_doc *doc;
	struct diag *diag;
	struct about about; /* knows whether all fits */
	const char **items; /* the document's */
	size_t n;
};

static void say_item(struct saying *saying, const char *key, const char *value,
                     const struct json *node)
{
	size_t size = strlen(key) + strlen(value) + 2;
	char *item = json_doc_alloc(saying->doc, size);

	if (!item)
		return;
	snprintf(item, size, "%s=%s", key, value);
	if (about_add(&saying->about, item) == ABOUT_TOO_MUCH)
		diag_add(saying->diag, node,
		         "expected a name, hosts and tags that fit into %d bytes together with "
		         "the client's version, found more (each takes 13 bytes and its text)",
		         ABOUT_MAX);
	else
		saying->items[saying->n++] = item;
}

static void say_name(struct saying *saying, const char *name, const struct json *node)
{
	if (about_is_valid("name", name))
		say_item(saying, "name", name, node);
	else
		diag_add(saying->diag, node,
		         "expected 1 to %d bytes without control characters, in which a quote "
		         "or backslash counts twice, found \"%s\"",
		         ABOUT_VALUE_MAX, name);
}

static void say_host(struct saying *saying, const char *host, const struct json *node)
{
	if (about_is_valid("host", host))
		say_item(saying, "host", host, node);
	else
		diag_add(saying->diag, node,
		         "expected a host name such as \"app.example.com\" or "
		         "\"*.example.com\", of at most %d bytes, found \"%s\"",
		         ABOUT_VALUE_MAX, host);
}

static void say_tag(struct saying *saying, const char *label, const char *value,
                    const struct json *node)
{
	size_t size = strlen(label) + strlen(value) + 2;
	char *tag = json_doc_alloc(saying->doc, size);

	if (!tag)
		return;
	snprintf(tag, size, "%s=", label);
	if (!about_is_valid("tag", tag)) {
		diag_add_key(saying->diag, node,
		             "expected a letter or digit, then letters, digits, '.', '_', '-' or "
		             "'/', at most %d bytes, found \"%s\"",
		             ABOUT_LABEL_MAX, label);
		return;
	}
	strcat(tag, value);
	if (about_is_valid("tag", tag))
		say_item(saying, "tag", tag, node);
	else
		diag_add(saying->diag, node,
		         "expected at most %zu bytes without control characters, in which a "
		         "quote or backslash counts twice, found \"%s\"",
		         ABOUT_VALUE_MAX - strlen(label) - 1, value);
}

static void say_all(struct saying *saying, const struct json *name, const struct json *hosts,
                    const struct json *tags)
{
	const struct json *i;

	say_item(saying, "version", "spore/" SPORE_VERSION, NULL);
	if (name && name->type == JSON_STRING)
		say_name(saying, name->raw, name);
	for (i = hosts ? hosts->first : NULL; i; i = i->next) {
		if (i->type == JSON_STRING)
			say_host(saying, i->raw, i);
	}
	for (i = tags ? tags->first : NULL; i; i = i->next) {
		if (i->type == JSON_STRING)
			say_tag(saying, i->key, i->raw, i);
	}
}

/* The default name may name a host of the client's network, so the client does not send it. */
static void check_about(struct json_doc *doc, struct tunnel_settings *tunnel,
                        const struct json *node, struct diag *diag)
{
	const struct json *hosts = json_get(node, "hosts"), *tags = json_get(node, "tags");
	size_t most = 2 + (hosts ? hosts->count : 0) + (tags ? tags->count : 0);
	struct saying saying = { .doc = doc, .diag = diag };

	saying.items = json_doc_alloc(doc, most * sizeof *saying.items);
	if (saying.items)
		say_all(&saying, json_get(node, "name"), hosts, tags);
	about_fini(&saying.about);
	tunnel->about = saying.items;
	tunnel->n_about = saying.n;
}

/* ---- the tunnels of a client ---- */

static void check_tunnel(struct json_doc *doc, struct tunnel_settings *tunnel,
                         const struct json *node, struct diag *diag)
{
	enum { NAME_SIZE = 300 };

	check_service(doc, tunnel, node, diag);
	check_about(doc, tunnel, node, diag);
	if (!tunnel->name) {
		char *name = json_doc_alloc(doc, NAME_SIZE);

		if (name)
			snprintf(name, NAME_SIZE,
			         strchr(tunnel->local_host, ':') ? "[%.255s]:%lld" : "%.255s:%lld",
			         tunnel->local_host, (long long)tunnel->local_port);
		tunnel->name = name ? name : "";
	}
}

/* Splits `to`. Its port and control_port may both be given only if one of them is in the file and
 * the other, which counts, is not. */
static void check_to(struct client_settings *client, struct json_doc *doc, struct diag *diag)
{
	const struct json *section = json_get(json_doc_root(doc), "client");
	const struct json *to = json_get(section, "to"), *port = json_get(section, "control_port");
	struct target target;
	const char *why;

	if (!client->to || diag_has(diag, to))
		return;
	if (!target_read(client->to, &target, &why)) {
		diag_add(diag, to, "%s, found \"%s\"", why, client->to);
		return;
	}
	client->to = json_doc_text(doc, target.host, target.host_len);
	if (target.port && port && is_in_file(port) == is_in_file(to))
		diag_add_key(diag, port,
		             "\"control_port\" conflicts with the port in \"to\": keep one");
	else if (target.port && (!port || is_in_file(port)))
		client->control_port = target.port;
}

/* Which of two tunnels would get the port is a matter of luck. */
static void check_port_is_unique(const struct settings *settings, size_t at,
                                 const struct json *node, struct diag *diag)
{
	const struct tunnel_settings *tunnels = settings->tunnels.items;

	for (size_t i = 0; tunnels[at].port && i < at; i++) {
		if (tunnels[i].port == tunnels[at].port) {
			diag_add(diag, json_get(node, "port"),
			         "expected a port that no other tunnel asks for, found %lld, as in "
			         "/tunnels/%zu",
			         (long long)tunnels[at].port, i);
			return;
		}
	}
}

void check_client(struct settings *settings, struct json_doc *doc, struct diag *diag)
{
	const struct json *section = json_get(json_doc_root(doc), "tunnels"), *node = NULL;
	struct tunnel_settings *tunnels = (struct tunnel_settings *)(uintptr_t)
	                                          settings->tunnels.items;

	if (section && section->type == JSON_ARRAY)
		node = section->first;
	if (section && section->type == JSON_ARRAY && section->count == 0)
		diag_add(diag, section, "expected at least one tunnel, found none");
	for (size_t i = 0; node && i < settings->tunnels.count; i++, node = node->next) {
		if (node->type != JSON_OBJECT)
			continue;
		check_tunnel(doc, &tunnels[i], node, diag);
		check_port_is_unique(settings, i, node, diag);
	}
	check_to(&settings->client, doc, diag);
}
