/* clients - the operator's table of clients. Checks the table, and finds the client that a
 * certificate belongs to. Read-only after its creation, so all workers share it. */
#ifndef AUTH_MTLS_CLIENTS_H
#define AUTH_MTLS_CLIENTS_H

#include <spore/plugin.h>

#include "facts.h"

/* One client. All of subject, san and sha256 that are given must match. */
struct client {
	const char *subject, *san, *sha256;
	spore_list ports; /* of spore_port_range */
	int64_t max_tunnels, max_conns, life;
	int64_t rate_up, rate_down, bytes_per_day, bytes_per_month, visitors_per_second;
};

struct clients {
	const spore_map *map;                     /* of struct client, by identity; borrowed */
	char (*fingerprints)[FACTS_HEX_SIZE + 1]; /* owned; in lower case; "": any */
};

/* Reports all mistakes with their places. 0: there is a mistake, or memory is out. clients_fini may
 * be called in any case. [main] */
int clients_init(struct clients *clients, const spore_map *map, const spore_create_args *args);
void clients_fini(struct clients *clients);

const struct client *clients_at(const struct clients *clients, size_t i);
/* The index of the first client that matches, or the number of clients. [any] */
size_t clients_find(const struct clients *clients, const struct facts *facts);

#endif
