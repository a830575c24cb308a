#include "doubts/port_doubts.h"

#include "chain/plugin_set.h"
#include "config/shorthands.h"
#include "doubts/setting.h"
#include "json/json.h"

static void check_reserved(struct plugin_set *set)
{
	const struct server_settings *server = &set->config->settings.server;
	const struct json *section = json_get(json_doc_root(set->config->doc), "server");
	const struct json *list = json_get(section, "reserved_ports");
	const struct json *node = list ? list->first : NULL;
	const spore_list *reserved = server->reserved_ports.items;

	for (size_t i = 0; node && i < server->reserved_ports.count; i++, node = node->next) {
		if (!setting_overlaps(&reserved[i], &server->ports))
			diag_add(
				&set->doubts, node,
				"no tunnel would get this port anyway: it is not one of the public "
				"ports (ports, or min_port to max_port)");
	}
}

static void check_header_ports(struct plugin_set *set)
{
	const struct server_settings *server = &set->config->settings.server;
	const struct json *section = json_get(json_doc_root(set->config->doc), "server");
	const struct json *list = json_get(section, "send_proxy_ports");
	const struct json *node = list ? list->first : NULL;
	const spore_list *ports = server->send_proxy_ports.items;

	for (size_t i = 0; node && i < server->send_proxy_ports.count; i++, node = node->next) {
		if (!setting_overlaps(&ports[i], &server->public_ports))
			diag_add(&set->doubts, node,
			         "no tunnel gets this port: it is not one of the public ports "
			         "(ports, or min_port to max_port, without reserved_ports)");
	}
}

void port_doubts_find(struct plugin_set *set)
{
	check_reserved(set);
	check_header_ports(set);
}

/* With more public ports than this, it does not matter that one of them is in use. */
enum { MANY_PORTS = 4096 };

static bool are_many(const spore_list *ranges)
{
	const spore_port_range *range = ranges->items;
	unsigned n = 0;

	for (size_t i = 0; i < ranges->count; i++)
		n += range[i].hi - range[i].lo + 1u;
	return n > MANY_PORTS;
}

void port_doubts_find_listener(struct plugin_set *set, const struct instance *instance)
{
	const struct server_settings *server = &set->config->settings.server;
	uint16_t port;

	if (set->config->role != ROLE_SERVER || are_many(&server->public_ports))
		return;
	port = listeners_port_among(&instance->listeners, &server->bind_tunnels,
	                            &server->public_ports);
	if (port)
		diag_add(&set->doubts, instance->raw,
		         "it listens at port %u, which is one of the public ports: no tunnel would "
		         "get it. List it in server.reserved_ports, or use another port",
		         port);
}
