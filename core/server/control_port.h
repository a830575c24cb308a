/* control_port - the listening sockets on the control port: for each worker one at each address.
 * The server binds them. If a service manager has bound sockets and passed them, or the server
 * before this one has passed its own, the workers share these. [main] */
#ifndef CORE_CONTROL_PORT_H
#define CORE_CONTROL_PORT_H

#include <stdbool.h>

#include "base/err.h"
#include "net/sock.h"

struct config;
struct json;
struct server_settings;

/* Sockets that a service manager, or the server before this one, has passed. Zero-initialized:
 * none. */
struct given_sockets {
	const int *fds; /* borrowed */
	unsigned n;
	bool is_fixed;    /* a service manager has bound them: only it can move the port */
	bool from_server; /* the server before this one has passed them */
};

/* Makes the sockets ready to use. False and *err: one of them does not listen where the settings
 * say, an address has none of them although another one has, or an address has more than there are
 * workers. */
bool control_port_take(const struct given_sockets *given, const struct server_settings *settings,
                       unsigned n_workers, struct err *err);
/* The sockets of the worker with this index, in the order of server.bind_addr. After
 * control_port_take. False: none is open; errno, *err, and *at_fault_out, the number of the
 * address. */
bool control_port_open(const struct given_sockets *given, const struct server_settings *settings,
                       unsigned worker, struct sockets *out, size_t *at_fault_out, struct err *err);
/* Binds a socket at each address. shared: they join sockets that are on the port already. Sockets
 * that are not shared are the first ones: their bind fails if another server is on the port, and
 * others may join them afterwards. False: as control_port_open. */
bool control_port_bind(const struct server_settings *settings, bool shared, struct sockets *out,
                       size_t *at_fault_out, struct err *err);
/* The value in the configuration that is to blame if the sockets cannot be opened for this cause at
 * the address of this number. NULL: none is. */
const struct json *control_port_fault(const struct config *config, size_t address, int cause);
/* Do the two settings differ in where the control port is? */
bool control_port_moves(const struct server_settings *from, const struct server_settings *to);

#endif
