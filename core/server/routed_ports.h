/* routed_ports - the listening sockets at the ports that several tunnels share: for each worker one
 * at each address of each entry of "public" with `listen_port`. [main] */
#ifndef CORE_ROUTED_PORTS_H
#define CORE_ROUTED_PORTS_H

#include <stdbool.h>

#include "base/err.h"
#include "net/sock.h"

struct config;
struct json;

/* Opens the sockets of one worker. Returns those of each entry, in an array that the caller frees
 * after it has taken or closed the sockets. before: the configuration whose sockets are open; an
 * entry whose port stays at its addresses then gets none; NULL: there are none. shared: another
 * worker has opened the same before. NULL: none is open; *at_fault_out is the value to blame, and
 * *err says why. */
struct sockets *routed_ports_open(const struct config *config, const struct config *before,
                                  bool shared, const struct json **at_fault_out, struct err *err);
/* Closes the sockets, and frees the array of routed_ports_open for this configuration. NULL is
 * fine. */
void routed_ports_close(const struct config *config, struct sockets *all);

#endif
