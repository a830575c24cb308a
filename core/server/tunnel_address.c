#include "server/tunnel_address.h"

#include <stdio.h>

#include "config/settings.h"
#include "host/readiness.h"
#include "log/log.h"
#include "net/addr.h"
#include "quota/ports.h"

bool tunnel_address_look(struct tunnel_address *address, const struct server_settings *settings)
{
	bool was_gone = address->is_gone;
	const spore_addr *missing = ports_find_missing(settings);
	char text[ADDR_TEXT_SIZE], why[160] = "";

	address->is_gone = missing != NULL;
	if (missing) {
		address->missing = *missing;
		snprintf(why, sizeof why,
		         "no tunnel can open: this host does not have the address %s "
		         "(bind_tunnels)",
		         addr_format_ip(missing, text));
	}
	readiness_set_obstacle(why);
	return address->is_gone != was_gone;
}

void tunnel_address_watch(struct tunnel_address *address, const struct server_settings *settings)
{
	char text[ADDR_LIST_TEXT_SIZE];

	if (!tunnel_address_look(address, settings))
		return;
	if (address->is_gone)
		log_warn("no tunnel can open: this host does not have the address any more",
		         log_str("bind_tunnels", addr_format_ip(&address->missing, text)));
	else
		log_info("tunnels can open: this host has the address now",
		         log_str("bind_tunnels",
		                 addr_format_list(&settings->bind_tunnels, 0, text)));
}
