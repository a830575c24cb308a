/* admin_client - what only a client answers to `status`, and its answer to `tunnels`. [main] */
#ifndef CORE_ADMIN_CLIENT_H
#define CORE_ADMIN_CLIENT_H

#include "json/jsonout.h"

struct admin_query;
struct roll;

/* Writes the members of `status` that say where the client is connected to, and since when. */
void admin_client_servers_write(const struct admin_query *query, struct jsonout *json);
/* Writes the members of `status` about visitors, and the tunnels. */
void admin_client_status_write(const struct admin_query *query, struct jsonout *json);
/* Writes the list of tunnels, in the order of the configuration. */
void admin_client_tunnels_write(const struct admin_query *query, struct jsonout *json);
/* After a reload: writes the members "tunnels_open", and "tunnels_not_open" with why. */
void admin_client_opening_write(const struct roll *roll, struct jsonout *json);

#endif
