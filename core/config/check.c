#include "config/check.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/settings.h"
#include "config/target.h"
#include "net/addr.h"
#include "net/sock.h"
#include "version.h"
#include "wire/about.h"
#include "wire/hostname.h"

/* Sets the key of the object to `text`, a part of the value of `from`. So --print-config finds the
 * source of the value. */
static void place_part(struct json_doc *doc, struct json *object, const char *key, const char *text,
                       const struct json *from)
{
	bool is_number = strspn(text, "0123456789") == strlen(text);
	struct json *node = json_new(doc, is_number ? JSON_NUMBER : JSON_STRING, text,
	                             from->source);
	struct json *old = json_get(object, key);

	if (!node)
		return;
	node->offset = from->offset;
	node->end = from->end;
	if (old)
		json_detach(old);
	json_add(doc, object, key, node);
}

static void place_port(struct json_doc *doc, struct json *object, const char *key, int64_t port,
                       const struct json *from)
{
	char text[24];

	snprintf(text, sizeof text, "%lld", (long long)port);
	place_part(doc, object, key, text, from);
}

/* ---- both ---- */

/* If no socket is given, it is in the folder that systemd makes, if there is one. */
static void check_admin(struct admin_settings *admin, struct json_doc *doc)
{
	const char *folder = getenv("RUNTIME_DIRECTORY");
	struct json *root = json_doc_root(doc), *section = json_get(root, "admin");
	struct json_source *source = NULL;
	char path[PATH_MAX];

	if (admin->socket || !folder || !*folder)
		return;
	/* systemd separates several folders with colons. */
	snprintf(path, sizeof path, "%.*s/admin.sock", (int)strcspn(folder, ":"), folder);
	admin->socket = json_doc_text(doc, path, strlen(path));
	source = json_source_add(doc, "RUNTIME_DIRECTORY", NULL, 0);
	if (!section) {
		section = json_new(doc, JSON_OBJECT, NULL, source);
		if (section)
			json_add(doc, root, "admin", section);
	}
	if (source && section && section->type == JSON_OBJECT && !json_get(section, "socket"))
		place_part(doc, section, "socket", path, &(struct json){ .source = source });
}

/* ---- rates ---- */

/* A rate that is not 0, "no limit", is at least so many bytes per second, as in policies. */
enum { RATE_MIN = 1024 };

static void check_rate(int64_t rate, const struct json *section, const char *key, struct diag *diag)
{
	const struct json *node = json_get(section, key);

	if (rate > 0 && rate < RATE_MIN && node && !diag_has(diag, node))
		diag_add(diag, node, "expected 0 or at least 1k bytes per second, found %lld",
		         (long long)rate);
}

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

enum { ALL_PORTS = 65536 };

static void mark_ports(const spore_list *list, bool value, bool marks[ALL_PORTS])
{
	const spore_port_range *ranges = list->items;

	for (size_t i = 0; i < list->count; i++)
		memset(&marks[ranges[i].lo], value, (size_t)ranges[i].hi - ranges[i].lo + 1);
}

static void mark_public_ports(const struct server_settings *server, bool is_public[ALL_PORTS])
{
	const spore_list *reserved = server->reserved_ports.items;

	mark_ports(&server->ports, true, is_public);
	mark_ports(&server->routed_ports, false, is_public);
	for (size_t i = 0; i < server->reserved_ports.count; i++)
		mark_ports(&reserved[i], false, is_public);
	is_public[server->control_port] = false;
}

/* The number of reserved ranges. */
static size_t count_reserved(const struct server_settings *server)
{
	const spore_list *reserved = server->reserved_ports.items;
	size_t n = 0;

	for (size_t i = 0; i < server->reserved_ports.count; i++)
		n += reserved[i].count;
	return n;
}

/* Writes the ranges of marked ports, and returns their number. The mark behind the last port must
 * be false. */
static size_t collect_ranges(const bool marks[ALL_PORTS + 1], spore_port_range *ranges_out)
{
	size_t n = 0;

	for (unsigned lo = 1, hi; lo < ALL_PORTS; lo = hi + 1) {
		for (hi = lo; marks[hi]; hi++)
			;
		if (hi > lo)
			ranges_out[n++] = (spore_port_range){ (uint16_t)lo, (uint16_t)(hi - 1) };
	}
	return n;
}

/* Returns the public ports. The list is empty if no port is left or memory is out. */
static spore_list find_public_ports(const struct server_settings *server, struct json_doc *doc)
{
	size_t n = 0;
	size_t most = server->ports.count + count_reserved(server) + server->routed_ports.count + 1;
	spore_port_range *ranges = json_doc_alloc(doc, most * sizeof *ranges);
	bool *is_public = calloc(ALL_PORTS + 1, sizeof *is_public);

	if (ranges && is_public) {
		mark_public_ports(server, is_public);
		n = collect_ranges(is_public, ranges);
	}
	free(is_public);
	return (spore_list){ ranges, n, sizeof *ranges };
}

static void refuse_ports(const struct server_settings *server, struct json_doc *doc,
                         struct diag *diag)
{
	static const char *const keys[] = { "ports", "min_port", "max_port", "reserved_ports" };
	const struct json *node = NULL;

	for (size_t i = 0; !node && i < sizeof keys / sizeof *keys; i++)
		node = server_node(doc, keys[i]);
	diag_add(diag, node,
	         "expected a public port that is neither the control port (%lld) nor in "
	         "reserved_ports nor a listen_port, found none",
	         (long long)server->control_port);
}

/* Makes the list of ports from min_port and max_port if the operator gave none. */
static void derive_ports(struct server_settings *server, struct json_doc *doc)
{
	spore_port_range *range;

	if (server->ports.count > 0)
		return;
	range = json_doc_alloc(doc, sizeof *range);
	if (range)
		*range = (spore_port_range){ (uint16_t)server->min_port,
			                     (uint16_t)server->max_port };
	server->ports = (spore_list){ range, range != NULL, sizeof *range };
}

/* The ports that tunnels share. */
static spore_list find_routed_ports(const spore_list *public, struct json_doc *doc)
{
	const struct public_settings *entries = public->items;
	spore_port_range *ranges = json_doc_alloc(doc, (public->count + 1) * sizeof *ranges);
	size_t n = 0;

	for (size_t i = 0; ranges && i < public->count; i++) {
		uint16_t port = (uint16_t)entries[i].listen_port;

		if (port > 0)
			ranges[n++] = (spore_port_range){ port, port };
	}
	return (spore_list){ ranges, n, sizeof *ranges };
}

/* Would a socket at the one address keep a socket at the other from being bound? */
static bool are_in_conflict(const spore_addr *a, const spore_addr *b)
{
	return a->family == b->family && (addr_is_any(a) || addr_is_any(b) || addr_equal(a, b));
}

/* The first address before number `n` with which it is in conflict; NULL: there is none. */
static const spore_addr *find_conflict(const spore_addr *items, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (are_in_conflict(&items[i], &items[n]))
			return &items[i];
	}
	return NULL;
}

/* node: the list in the configuration, or its only element. */
static void check_addresses(const spore_list *list, const struct json *node, struct diag *diag)
{
	const spore_addr *items = list->items, *other;
	char found[ADDR_TEXT_SIZE], before[ADDR_TEXT_SIZE];

	if (!node || node->type != JSON_ARRAY || node->count != list->count)
		return;
	if (list->count > SOCK_ADDRESSES_MAX)
		diag_add(diag, node, "expected at most %d addresses, found %zu", SOCK_ADDRESSES_MAX,
		         list->count);
	node = node->first;
	for (size_t i = 0; i < list->count; i++, node = node->next) {
		other = diag_has(diag, node) ? NULL : find_conflict(items, i);
		if (other)
			diag_add(diag, node,
			         "expected an address that can be used beside %s, found %s",
			         addr_format_ip(other, before), addr_format_ip(&items[i], found));
	}
}

/* The number of an entry before `n` with the same port; n: there is none. */
static size_t find_same_port(const struct public_settings *entries, size_t n)
{
	size_t i = 0;

	while (i < n && entries[i].listen_port != entries[n].listen_port)
		i++;
	return i;
}

static void check_routed_port(const struct settings *settings, size_t i, const struct json *node,
                              struct diag *diag)
{
	const struct public_settings *entries = settings->public.items, *entry = &entries[i];
	const struct json *port = json_get(node, "listen_port");
	const struct json *other = json_get(node, "unknown_host");
	char name[HOSTNAME_SIZE];
	size_t same = find_same_port(entries, i);

	if (json_get(node, "ports"))
		diag_add_key(diag, port, "\"listen_port\" conflicts with \"ports\": keep one");
	if (!json_get(node, "route"))
		diag_add_key(diag, port, "\"listen_port\" needs \"route\" in the same entry");
	if (entry->listen_port == settings->server.control_port)
		diag_add(diag, port, "expected another port than the control port, found %lld",
		         (long long)entry->listen_port);
	if (same < i && !diag_has(diag, port))
		diag_add(diag, port, "expected a port of its own, found that of public[%zu]", same);
	if (entry->unknown_host && !hostname_read(entry->unknown_host, HOSTNAME_EXACT, name))
		diag_add(diag, other, "expected a host name, such as \"www.example.com\"");
	check_addresses(&entry->listen_addr, json_get(node, "listen_addr"), diag);
}

static void check_tunnel_ports(const struct json *node, struct diag *diag)
{
	static const char *const keys[] = { "listen_addr", "route", "route_timeout",
		                            "unknown_host" };

	if (!json_get(node, "ports"))
		diag_add(diag, node, "expected either \"ports\" or \"listen_port\"");
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		const struct json *value = json_get(node, keys[i]);

		if (value)
			diag_add_key(diag, value, "\"%s\" needs \"listen_port\" in the same entry",
			             keys[i]);
	}
}

static void check_public(const struct settings *settings, struct json_doc *doc, struct diag *diag)
{
	const struct json *section = json_get(json_doc_root(doc), "public");
	const struct json *node = section && section->type == JSON_ARRAY ? section->first : NULL;

	for (size_t i = 0; node && i < settings->public.count; i++, node = node->next) {
		if (node->type != JSON_OBJECT)
			continue;
		if (json_get(node, "listen_port"))
			check_routed_port(settings, i, node, diag);
		else
			check_tunnel_ports(node, diag);
	}
}

void check_server(struct settings *settings, struct json_doc *doc, struct diag *diag)
{
	const struct json *limits = json_get(json_doc_root(doc), "limits");
	struct server_settings *server = &settings->server;
	unsigned n_before = diag->count;

	check_ports(server, doc, diag);
	derive_ports(server, doc);
	server->routed_ports = find_routed_ports(&settings->public, doc);
	if (diag->count == n_before) {
		server->public_ports = find_public_ports(server, doc);
		if (server->public_ports.count == 0)
			refuse_ports(server, doc, diag);
	}
	check_rate(settings->limits.rate_up, limits, "rate_up", diag);
	check_rate(settings->limits.rate_down, limits, "rate_down", diag);
	check_addresses(&server->bind_addr, server_node(doc, "bind_addr"), diag);
	check_addresses(&server->bind_tunnels, server_node(doc, "bind_tunnels"), diag);
	if (server->bind_tunnels.count == 0)
		server->bind_tunnels = server->bind_addr;
	check_public(settings, doc, diag);
	check_admin(&settings->admin, doc);
}

/* ---- the client ---- */

/* Reads the host of a server or of a service. Mistakes go to the diag. */
static bool read_host(const char *text, const struct json *node, struct target *target_out,
                      struct diag *diag)
{
	const char *why;

	if (!target_read(text, target_out, &why)) {
		diag_add(diag, node, "%s, found \"%s\"", why, text);
		return false;
	}
	if (!target_out->shorter_len)
		return true;
	diag_add(diag, node,
	         "expected \"[%.*s]:%s\", or \"[%s]\" if all of it is the address, found \"%s\"",
	         (int)target_out->shorter_len, text, text + target_out->shorter_len + 1, text,
	         text);
	return false;
}

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

/* `host` or `port` is given beside `local`, or both. */
static void refuse_both(const struct json *local, const struct json *host, const struct json *port,
                        struct diag *diag)
{
	if (host && port)
		diag_add_key(diag, local,
		             "\"local\" conflicts with \"local_host\" and \"local_port\": keep "
		             "it, or them");
	else
		diag_add_key(diag, local, "\"local\" conflicts with \"%s\": keep one",
		             host ? "local_host" : "local_port");
}

/* Takes the path of a unix socket. Mistakes go to the diag. */
static void take_path(struct tunnel_settings *tunnel, const struct json *node, const char *path,
                      struct diag *diag)
{
	const struct json *local = json_get(node, "local"), *host = json_get(node, "local_host");
	const struct json *port = json_get(node, "local_port");

	if (port || host)
		refuse_both(local, host, port, diag);
	else if (*path != '/')
		diag_add(diag, local, "expected an absolute path behind \"unix:\", found \"%s\"",
		         tunnel->local);
	else if (strlen(path) > SOCK_PATH_MAX)
		diag_add(diag, local, "expected a path of at most %d bytes, found %zu: \"%s\"",
		         SOCK_PATH_MAX, strlen(path), tunnel->local);
	tunnel->local_path = path;
	tunnel->local_host = NULL;
}

/* The host alone: its port is another option. */
static bool read_service_host(const char *text, const struct json *node, struct target *target_out,
                              struct diag *diag)
{
	const char *why;
	bool is_target = target_read(text, target_out, &why);

	if (is_target && !target_out->port && !target_out->shorter_len)
		return true;
	if (is_target && target_out->shorter_len)
		diag_add(diag, node,
		         "expected \"%.*s\", or \"[%s]\" if all of it is the address, found \"%s\"",
		         (int)target_out->shorter_len, text, text, text);
	else
		diag_add(diag, node,
		         "expected a host without a scheme, a path and a port (which is "
		         "local_port), found \"%s\"",
		         text);
	return false;
}

/* A wrong value is a mistake even if a flag or a variable replaces it. */
static void check_overridden(const struct json *node,
                             bool (*read)(const char *text, const struct json *node,
                                          struct target *target_out, struct diag *diag),
                             struct target *unused, struct diag *diag)
{
	for (node = node ? node->overrides : NULL; node; node = node->overrides) {
		if (node->type == JSON_STRING && !diag_has(diag, node))
			read(node->raw, node, unused, diag);
	}
}

static void check_service_host(struct json_doc *doc, struct tunnel_settings *tunnel,
                               const struct json *host, struct diag *diag)
{
	struct target target;

	check_overridden(host, read_service_host, &target, diag);
	if (host && !diag_has(diag, host) &&
	    read_service_host(tunnel->local_host, host, &target, diag))
		tunnel->local_host = json_doc_text(doc, target.host, target.host_len);
}

static bool is_in_file(const struct json *node)
{
	return node && json_is_in_file(node);
}

/* Takes from `local` what no other key gives. */
static void take_local(struct json_doc *doc, struct tunnel_settings *tunnel, struct json *node,
                       struct diag *diag)
{
	const struct json *local = json_get(node, "local"), *host = json_get(node, "local_host");
	const struct json *port = json_get(node, "local_port");
	struct tunnel_settings given = *tunnel;
	const char *path;

	if (diag_has(diag, local))
		return;
	path = target_path(tunnel->local);
	if (path) {
		take_path(tunnel, node, path, diag);
		return;
	}
	split_local(doc, tunnel, local, diag);
	if (host)
		tunnel->local_host = given.local_host;
	else
		place_part(doc, node, "local_host", tunnel->local_host, local);
	if (port)
		tunnel->local_port = given.local_port;
	else
		place_port(doc, node, "local_port", tunnel->local_port, local);
}

/* The file may give the service as `local`. Then flags and variables may still replace its host or
 * port; the file's own local_host and local_port may not. */
static void check_service(struct json_doc *doc, struct tunnel_settings *tunnel, struct json *node,
                          struct diag *diag)
{
	const struct json *local = json_get(node, "local"), *host = json_get(node, "local_host");
	const struct json *port = json_get(node, "local_port");

	check_service_host(doc, tunnel, host, diag);
	if (!local && !port)
		diag_add(diag, node,
		         "expected the service's port: \"local_port\", or LOCAL_PORT on the "
		         "command line");
	else if (local && (is_in_file(host) || is_in_file(port)))
		refuse_both(local, is_in_file(host) ? host : NULL, is_in_file(port) ? port : NULL,
		            diag);
	else if (local)
		take_local(doc, tunnel, node, diag);
}

/* The service must be one that can be reached from this address. */
static void check_source(const struct tunnel_settings *tunnel, const struct json *node,
                         struct diag *diag)
{
	const struct json *source = json_get(node, "source");
	char text[ADDR_TEXT_SIZE];
	spore_addr service;

	if (!source || !tunnel->source.family)
		return;
	if (tunnel->local_path)
		diag_add_key(diag, source,
		             "\"source\" conflicts with the unix socket in \"local\": keep one");
	else if (addr_is_any(&tunnel->source))
		diag_add(diag, source, "expected one address of this host, found \"%s\"",
		         addr_format_ip(&tunnel->source, text));
	else if (tunnel->local_host && addr_parse_ip(tunnel->local_host, &service) &&
	         service.family != tunnel->source.family)
		diag_add(diag, source,
		         "expected an IPv%u address, as the service %s has it, found \"%s\"",
		         service.family, tunnel->local_host, addr_format_ip(&tunnel->source, text));
}

/* ---- what a client says about a tunnel ---- */

/* The items, while they are collected. */
struct about_draft {
	struct json_doc *doc;
	struct diag *diag;
	struct about about; /* knows whether all fits */
	const char **items; /* the document's */
	size_t n;
};

static void add_about_item(struct about_draft *draft, const char *key, const char *value,
                           const struct json *node)
{
	size_t size = strlen(key) + strlen(value) + 2;
	char *item = json_doc_alloc(draft->doc, size);

	if (!item)
		return;
	snprintf(item, size, "%s=%s", key, value);
	if (about_add(&draft->about, item) == ABOUT_TOO_MUCH)
		diag_add(draft->diag, node,
		         "expected a name, hosts and tags that fit into %d bytes together with "
		         "the client's version, found more (each takes 13 bytes and its text)",
		         ABOUT_MAX);
	else
		draft->items[draft->n++] = item;
}

/* The tunnel's name as the client tells it to the server (About). False: it is invalid, which has
 * been reported. */
static bool check_about_name(struct about_draft *draft, const struct json *node)
{
	if (node->type != JSON_STRING) /* the check of the option has reported that */
		return false;
	if (about_is_valid("name", node->raw))
		return true;
	diag_add(draft->diag, node,
	         "expected 1 to %d bytes without control characters, in which a quote or "
	         "backslash counts twice, found \"%s\"",
	         ABOUT_VALUE_MAX, node->raw);
	return false;
}

static void add_about_host(struct about_draft *draft, const char *host, const struct json *node)
{
	if (about_is_valid("host", host))
		add_about_item(draft, "host", host, node);
	else
		diag_add(draft->diag, node,
		         "expected a host name such as \"app.example.com\" or "
		         "\"*.example.com\", of at most %d bytes, found \"%s\"",
		         ABOUT_VALUE_MAX, host);
}

static void add_about_tag(struct about_draft *draft, const char *label, const char *value,
                          const struct json *node)
{
	size_t size = strlen(label) + strlen(value) + 2;
	char *tag = json_doc_alloc(draft->doc, size);

	if (!tag)
		return;
	snprintf(tag, size, "%s=", label);
	if (!about_is_valid("tag", tag)) {
		diag_add_key(draft->diag, node,
		             "expected a letter or digit, then letters, digits, '.', '_', '-' or "
		             "'/', at most %d bytes, found \"%s\"",
		             ABOUT_LABEL_MAX, label);
		return;
	}
	strcat(tag, value);
	if (about_is_valid("tag", tag))
		add_about_item(draft, "tag", tag, node);
	else
		diag_add(draft->diag, node,
		         "expected at most %zu bytes without control characters, in which a "
		         "quote or backslash counts twice, found \"%s\"",
		         ABOUT_VALUE_MAX - strlen(label) - 1, value);
}

static void add_about_items(struct about_draft *draft, const struct tunnel_settings *tunnel,
                            const struct json *name, const struct json *hosts,
                            const struct json *tags)
{
	const struct json *i;

	add_about_item(draft, "version", "spore/" SPORE_VERSION, NULL);
	if (tunnel->send_proxy)
		add_about_item(draft, "wants", "addresses", NULL);
	if (tunnel->share)
		add_about_item(draft, "share", tunnel->share_by ? "source" : "load", NULL);
	if (name && check_about_name(draft, name))
		add_about_item(draft, "name", name->raw, name);
	for (i = name ? name->overrides : NULL; i; i = i->overrides) /* checked, but not said */
		check_about_name(draft, i);
	for (i = hosts ? hosts->first : NULL; i; i = i->next) {
		if (i->type == JSON_STRING)
			add_about_host(draft, i->raw, i);
	}
	for (i = tags ? tags->first : NULL; i; i = i->next) {
		if (i->type == JSON_STRING)
			add_about_tag(draft, i->key, i->raw, i);
	}
}

/* A name that check_name derives is not said, since it may contain a host of the client's
 * network. */
static void check_about(struct json_doc *doc, struct tunnel_settings *tunnel,
                        const struct json *node, struct diag *diag)
{
	const struct json *hosts = json_get(node, "hosts"), *tags = json_get(node, "tags");
	size_t most = 4 + (hosts ? hosts->count : 0) + (tags ? tags->count : 0);
	struct about_draft draft = { .doc = doc, .diag = diag };

	draft.items = json_doc_alloc(doc, most * sizeof *draft.items);
	if (draft.items)
		add_about_items(&draft, tunnel, json_get(node, "name"), hosts, tags);
	about_fini(&draft.about);
	tunnel->about = draft.items;
	tunnel->n_about = draft.n;
}

/* ---- the tunnels of a client ---- */

enum { NAME_SIZE = 300 };

/* The name of the service. NULL: out of memory. */
static char *derive_name(struct json_doc *doc, const struct tunnel_settings *tunnel)
{
	char *name = json_doc_alloc(doc, NAME_SIZE);

	if (name && tunnel->local_path)
		snprintf(name, NAME_SIZE, "unix:%.255s", tunnel->local_path);
	else if (name)
		snprintf(name, NAME_SIZE,
		         strchr(tunnel->local_host, ':') ? "[%.255s]:%lld" : "%.255s:%lld",
		         tunnel->local_host, (long long)tunnel->local_port);
	return name;
}

/* Does one of the first n tunnels have this name? *at_out: its index. */
static bool has_name(const struct tunnel_settings *tunnels, size_t n, const char *name,
                     size_t *at_out)
{
	for (*at_out = 0; *at_out < n; ++*at_out) {
		if (strcmp(tunnels[*at_out].name, name) == 0)
			return true;
	}
	return false;
}

/* Logs and metrics tell tunnels apart by their names. */
static void check_name(struct json_doc *doc, struct tunnel_settings *tunnels, size_t at,
                       const struct json *node, struct diag *diag)
{
	struct tunnel_settings *tunnel = &tunnels[at];
	size_t other, number = at + 1, length;
	char *name;

	if (tunnel->name) {
		if (has_name(tunnels, at, tunnel->name, &other))
			diag_add(diag, json_get(node, "name"),
			         "expected a name that no other tunnel has, found \"%s\", as in "
			         "/tunnels/%zu",
			         tunnel->name, other);
		return;
	}
	name = derive_name(doc, tunnel);
	tunnel->name = name ? name : "";
	length = strlen(tunnel->name);
	while (name && has_name(tunnels, at, name, &other))
		snprintf(name + length, NAME_SIZE - length, "#%zu", number++);
}

/* False: the section "checks" has no instance of this name. *similar_out: the one that was probably
 * meant; NULL: none is similar. */
static bool has_check(const struct config_chain *checks, const char *name, struct json_doc *doc,
                      const char **similar_out)
{
	const char **names = json_doc_alloc(doc, (checks->n + 1) * sizeof *names);
	size_t n = 0;

	for (size_t i = 0; i < checks->n; i++) {
		if (checks->items[i].name && strcmp(checks->items[i].name, name) == 0)
			return true;
		if (names && checks->items[i].name)
			names[n++] = checks->items[i].name;
	}
	*similar_out = names ? text_suggest(name, names, n) : NULL;
	return false;
}

static void check_use(const struct config_chain *checks, const char *name, const struct json *node,
                      struct json_doc *doc, struct diag *diag)
{
	const char *similar;

	if (has_check(checks, name, doc, &similar))
		return;
	if (similar)
		diag_add(diag, node,
		         "expected the name of an instance in \"checks\", found \"%s\": did you "
		         "mean \"%s\"?",
		         name, similar);
	else
		diag_add(diag, node, "expected the name of an instance in \"checks\", found \"%s\"",
		         name);
}

void check_uses(const struct settings *settings, const struct config_chain *checks,
                struct json_doc *doc, struct diag *diag)
{
	const struct tunnel_settings *tunnels = settings->tunnels.items;
	const struct json *section = json_get(json_doc_root(doc), "tunnels"), *node = NULL;

	if (section && section->type == JSON_ARRAY)
		node = section->first;
	for (size_t i = 0; node && i < settings->tunnels.count; i++, node = node->next) {
		const char *use = tunnels[i].check.use;

		if (use)
			check_use(checks, use, json_get(json_get(node, "check"), "use"), doc, diag);
	}
}

static void check_tunnel(struct json_doc *doc, struct tunnel_settings *tunnels, size_t at,
                         struct json *node, struct diag *diag)
{
	check_service(doc, &tunnels[at], node, diag);
	if (tunnels[at].share && tunnels[at].port == 0)
		diag_add(diag, json_get(node, "share"),
		         "expected the public port that is shared: \"port\"");
	check_source(&tunnels[at], node, diag);
	check_rate(tunnels[at].rate_up, node, "rate_up", diag);
	check_rate(tunnels[at].rate_down, node, "rate_down", diag);
	tunnels[at].check.is_wanted = json_get(node, "check") != NULL;
	check_about(doc, &tunnels[at], node, diag);
	check_name(doc, tunnels, at, node, diag);
}

static bool read_server(const char *text, const struct json *node, struct target *target_out,
                        struct diag *diag)
{
	return !diag_has(diag, node) && read_host(text, node, target_out, diag);
}

/* The server behind the last of the list must not be in it: it would be tried twice. */
static void check_server_is_unique(const struct client_settings *client, const struct json *node,
                                   struct diag *diag)
{
	size_t at = client->n_servers;

	for (size_t i = 0; i < at; i++) {
		if (strcmp(client->servers[i].name, client->servers[at].name) == 0) {
			diag_add(diag, node, "expected each server once, found \"%s\" twice",
			         client->servers[at].name);
			return;
		}
	}
}

static void fill_server(struct client_server *server, struct json_doc *doc,
                        const struct target *target, int64_t port)
{
	size_t size = target->host_len + sizeof "[]:65535";
	char *name = json_doc_alloc(doc, size);

	server->host = json_doc_text(doc, target->host, target->host_len);
	server->port = target->port ? target->port : (uint16_t)port;
	if (name && server->host)
		snprintf(name, size, strchr(server->host, ':') ? "[%s]:%u" : "%s:%u", server->host,
		         server->port);
	server->name = name;
}

/* The element of `to`; `to` itself if it is a single server or a file. */
static const struct json *node_of_server(const struct json *to, size_t index)
{
	return to && to->type == JSON_ARRAY ? json_child(to, index) : to;
}

static void read_servers(struct client_settings *client, struct json_doc *doc,
                         const struct json *to, struct diag *diag)
{
	const char *const *texts = client->to.items;
	struct client_server *servers = json_doc_alloc(doc, client->to.count * sizeof *servers);
	struct target target;

	client->servers = servers;
	for (size_t i = 0; servers && i < client->to.count; i++) {
		size_t n = client->n_servers;
		const struct json *node = node_of_server(to, i);

		if (!read_server(texts[i], node, &target, diag))
			continue;
		fill_server(&servers[n], doc, &target, client->control_port);
		if (!servers[n].host || !servers[n].name)
			return;
		check_server_is_unique(client, node, diag);
		client->n_servers++;
	}
}

/* The port of the only server and control_port may both be given only if one of them is in the file
 * and the other is not. The other then counts. */
static void check_port_of_server(struct client_settings *client, struct json_doc *doc,
                                 const struct json *to, struct diag *diag)
{
	struct json *section = json_get(json_doc_root(doc), "client");
	const struct json *port = json_get(section, "control_port");
	struct client_server *server = (struct client_server *)(uintptr_t)client->servers;
	const char *why, *text = ((const char *const *)client->to.items)[0];
	struct target target;

	if (!target_read(text, &target, &why) || !target.port)
		return;
	if (port && is_in_file(port) == is_in_file(to)) {
		diag_add_key(diag, port,
		             "\"control_port\" conflicts with the port in \"to\": keep one");
	} else if (!port || is_in_file(port)) {
		client->control_port = target.port;
		place_port(doc, section, "control_port", target.port, to);
	} else {
		target.port = (uint16_t)client->control_port;
		fill_server(server, doc, &target, 0);
	}
}

static void check_overridden_servers(const struct json *to, struct diag *diag)
{
	struct target unused;

	check_overridden(to, read_host, &unused, diag);
	for (to = to ? to->overrides : NULL; to; to = to->overrides) {
		for (const struct json *i = to->first; i; i = i->next) {
			if (i->type == JSON_STRING)
				read_server(i->raw, i, &unused, diag);
		}
	}
}

/* Splits `to`. */
static void check_to(struct client_settings *client, struct json_doc *doc, struct diag *diag)
{
	const struct json *to = json_get(json_get(json_doc_root(doc), "client"), "to");
	unsigned n_before = diag->count;

	check_overridden_servers(to, diag);
	if (client->to.count > CLIENT_SERVERS_MAX)
		diag_add(diag, to, "expected at most %d servers, found %zu", CLIENT_SERVERS_MAX,
		         client->to.count);
	if (!to)
		return;
	read_servers(client, doc, to, diag);
	if (client->n_servers == 1 && diag->count == n_before)
		check_port_of_server(client, doc, to, diag);
}

/* If two tunnels ask for one port, chance decides which gets it. */
static void check_port_is_unique(const struct settings *settings, size_t at,
                                 const struct json *node, struct diag *diag)
{
	const struct tunnel_settings *tunnels = settings->tunnels.items;

	if (tunnels[at].port == 0)
		return; /* any port */
	for (size_t i = 0; i < at; i++) {
		if (tunnels[i].port == tunnels[at].port) {
			diag_add(diag, json_get(node, "port"),
			         "expected a port that no other tunnel asks for, found %lld, as in "
			         "/tunnels/%zu",
			         (long long)tunnels[at].port, i);
			return;
		}
	}
}

/* Does a tunnel ask for the same host? Both names are as hostname_read writes them. */
static bool asks_for_host(const struct tunnel_settings *tunnel, const char *name)
{
	const char *const *hosts = tunnel->hosts.items;
	char other[HOSTNAME_SIZE];

	for (size_t i = 0; i < tunnel->hosts.count; i++) {
		if (hosts[i] && hostname_read(hosts[i], HOSTNAME_PATTERN, other) &&
		    strcmp(other, name) == 0)
			return true;
	}
	return false;
}

/* If two tunnels ask for one host, the second takes it from the first. */
static void check_host_is_unique(const struct settings *settings, size_t at, const char *host,
                                 const struct json *node, struct diag *diag)
{
	const struct tunnel_settings *tunnels = settings->tunnels.items;
	char name[HOSTNAME_SIZE];

	if (!host || !hostname_read(host, HOSTNAME_PATTERN, name))
		return; /* reported */
	for (size_t i = 0; i < at; i++) {
		if (!asks_for_host(&tunnels[i], name))
			continue;
		diag_add(diag, node,
		         "expected a host name that no other tunnel asks for, found \"%s\", as in "
		         "/tunnels/%zu",
		         host, i);
		return;
	}
}

/* The elements of a list from a file have no place in the configuration. Then the place of the
 * option is reported. */
static void check_hosts_are_unique(const struct settings *settings, size_t at,
                                   const struct json *node, struct diag *diag)
{
	const struct tunnel_settings *tunnels = settings->tunnels.items;
	const char *const *hosts = tunnels[at].hosts.items;
	const struct json *list = json_get(node, "hosts");
	const struct json *child = list && list->type == JSON_ARRAY ? list->first : NULL;

	for (size_t i = 0; i < tunnels[at].hosts.count; i++, child = child ? child->next : NULL)
		check_host_is_unique(settings, at, hosts[i], child ? child : list, diag);
}

void check_client(struct settings *settings, struct json_doc *doc, struct diag *diag)
{
	const struct json *section = json_get(json_doc_root(doc), "tunnels");
	struct json *node = NULL;
	struct tunnel_settings *tunnels = (struct tunnel_settings *)(uintptr_t)
	                                          settings->tunnels.items;

	if (section && section->type == JSON_ARRAY)
		node = section->first;
	for (size_t i = 0; node && i < settings->tunnels.count; i++, node = node->next) {
		if (node->type != JSON_OBJECT) {
			tunnels[i].name = "";
			continue;
		}
		if (!tunnels[i].connect_timeout)
			tunnels[i].connect_timeout = settings->client.connect_timeout;
		check_tunnel(doc, tunnels, i, node, diag);
		check_port_is_unique(settings, i, node, diag);
		check_hosts_are_unique(settings, i, node, diag);
	}
	check_to(&settings->client, doc, diag);
	check_admin(&settings->admin, doc);
}
