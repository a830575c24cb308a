/* kept_ports - public ports that a server before this one has left: listening sockets, which the
 * service manager has kept. Each waits for its client. Visitors wait in its queue meanwhile.
 *
 * The server that leaves gives the client a random ticket. The service manager learns only a
 * digest of the ticket, the identity of the client and the port: the name of the port's sockets. So
 * whoever knows the name cannot make the ticket, and a ticket is good only for this identity and
 * this port. [any] */
#ifndef CORE_KEPT_PORTS_H
#define CORE_KEPT_PORTS_H

#include <pthread.h>
#include <spore/option.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/uuid.h"
#include "net/sock.h"

struct kept_port;

/* What all names begin with. The number is the version of what follows it. All names together are
 * one variable of the next process, which has at most 128 KiB: hence KEPT_PORTS_MOST. */
#define KEPT_PORT_PREFIX "tunnel-1-"
enum { KEPT_PORT_NAME_SIZE = sizeof KEPT_PORT_PREFIX + 32, KEPT_PORTS_MOST = 2048 };

/* The name of the sockets of all routed ports (public[].listen_port), which belong to no client. A
 * version that does not know it closes them, as it does with ports of other versions. */
#define KEPT_ROUTED_NAME "tunnel-routed-1"

/* A socket as the service manager passes it to the next process. */
struct kept_socket {
	int fd;
	char name[KEPT_PORT_NAME_SIZE]; /* one of another version is cut */
};

/* A kept port has one socket at each of these addresses (a list of spore_addr), all at one port
 * that clients may have. */
struct kept_rule {
	const spore_list *at;
	bool (*has_port)(const void *arg, uint16_t port);
	const void *arg;
};

struct kept_ports {
	pthread_mutex_t lock;
	struct kept_port *first;
};

/* Writes the name. False: OpenSSL fails. */
bool kept_port_name(const struct uuid *ticket, const char *identity, uint16_t port,
                    char name_out[KEPT_PORT_NAME_SIZE]);

void kept_ports_init(struct kept_ports *ports);
/* Closes the ports that nobody has taken. */
void kept_ports_fini(struct kept_ports *ports);
/* Takes the sockets. Those of one name are one port. Returns how many ports there are now.
 * *n_closed_out: ports that were closed, because they are not as `rule` says, or their name is none
 * of kept_port_name. A socket for which there is no memory is missing. */
unsigned kept_ports_fill(struct kept_ports *ports, const struct kept_socket *sockets, unsigned n,
                         const struct kept_rule *rule, unsigned *n_closed_out);
/* The sockets, in the order of the addresses. They are not kept any more. None: no port is kept for
 * this ticket, identity and number. */
struct sockets kept_ports_take(struct kept_ports *ports, const struct uuid *ticket,
                               const char *identity, uint16_t port);
/* Is the port kept for a client that has not come yet? */
bool kept_ports_has(struct kept_ports *ports, uint16_t port);
/* Closes all ports, and returns how many there were. */
unsigned kept_ports_close(struct kept_ports *ports);

#endif
