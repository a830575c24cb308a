/* tunnel_address - does this host have the addresses of the public ports (server.bind_tunnels)? An
 * address may come and go, for example if keepalived moves it between hosts. While this host does
 * not have one of them, no tunnel can open, and the process is not ready. [main] */
#ifndef CORE_TUNNEL_ADDRESS_H
#define CORE_TUNNEL_ADDRESS_H

#include <spore/base.h>
#include <stdbool.h>

struct server_settings;

/* Zero-initialized: this host has the addresses. */
struct tunnel_address {
	bool is_gone;
	spore_addr missing; /* the one that is gone */
};

/* Looks, and tells host/readiness. True if the address has come or gone. */
bool tunnel_address_look(struct tunnel_address *address, const struct server_settings *settings);
/* The same, and logs that the address has come or gone. */
void tunnel_address_watch(struct tunnel_address *address, const struct server_settings *settings);

#endif
