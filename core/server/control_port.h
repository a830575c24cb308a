/* control_port - the listening sockets on the control port, one for each worker. The server binds
 * them. If a service manager has bound sockets and passed them, the workers share these. [main] */
#ifndef CORE_CONTROL_PORT_H
#define CORE_CONTROL_PORT_H

#include <stdbool.h>

#include "base/err.h"

struct config;
struct json;
struct server_settings;

/* Sockets that a service manager has passed. Zero-initialized: none. */
struct given_sockets {
	const int *fds; /* borrowed */
	unsigned n;
};

/* Makes the sockets ready to use. False and *err: one of them does not listen where the settings
 * say, or there are more of them than workers. */
bool control_port_take(const struct given_sockets *given, const struct server_settings *settings,
                       unsigned n_workers, struct err *err);
/* The socket of the worker with this index; -1, errno and *err. */
int control_port_open(const struct given_sockets *given, const struct server_settings *settings,
                      unsigned worker, struct err *err);
/* Binds a socket. shared: it joins sockets that are on the port already. A socket that is not
 * shared is the first one: its bind fails if another server is on the port, and others may join it
 * afterwards. -1, errno and *err. */
int control_port_bind(const struct server_settings *settings, bool shared, struct err *err);
/* The value in the configuration that is to blame if the bind has failed for this cause. NULL: none
 * is. */
const struct json *control_port_fault(const struct config *config, int cause);
/* Do the two settings differ in where the control port is? */
bool control_port_moves(const struct server_settings *from, const struct server_settings *to);

#endif
