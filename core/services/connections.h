/* connections - of spore_host: what a transport or a plugin may ask of a connection. [worker] */
#ifndef CORE_CONNECTIONS_H
#define CORE_CONNECTIONS_H

#include <spore/host.h>

uint32_t host_conn_attr(const spore_conn *conn, const char *key, size_t index, spore_str *out);
spore_status host_conn_set_peer(spore_conn *conn, const spore_addr *peer);
void host_conn_wake(spore_conn *conn);

#endif
