/* tunnel_address - whether this host has the address of the public ports (server.bind_tunnels). It
 * may come and go, as one that keepalived moves. While it is not there, no tunnel can open, and the
 * process is not ready. [main] */
#ifndef CORE_TUNNEL_ADDRESS_H
#define CORE_TUNNEL_ADDRESS_H

#include <stdbool.h>

struct server_settings;

/* Zero-initialized: it is there. */
struct tunnel_address {
	bool is_gone;
};

/* Looks, and tells host/readiness. True if it has come or gone. */
bool tunnel_address_look(struct tunnel_address *address, const struct server_settings *settings);
/* The same, and logs it. */
void tunnel_address_watch(struct tunnel_address *address, const struct server_settings *settings);

#endif
