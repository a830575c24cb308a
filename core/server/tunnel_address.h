/* tunnel_address - does this host have the address of the public ports (server.bind_tunnels)? The
 * address may come and go, for example if keepalived moves it between hosts. While this host does
 * not have it, no tunnel can open, and the process is not ready. [main] */
#ifndef CORE_TUNNEL_ADDRESS_H
#define CORE_TUNNEL_ADDRESS_H

#include <stdbool.h>

struct server_settings;

/* Zero-initialized: this host has the address. */
struct tunnel_address {
	bool is_gone;
};

/* Looks, and tells host/readiness. True if the address has come or gone. */
bool tunnel_address_look(struct tunnel_address *address, const struct server_settings *settings);
/* The same, and logs that the address has come or gone. */
void tunnel_address_watch(struct tunnel_address *address, const struct server_settings *settings);

#endif
