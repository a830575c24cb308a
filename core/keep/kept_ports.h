/* kept_ports - public ports that a server before this one has left: listening sockets, which the
 * service manager has kept. Each waits for its client. Visitors wait in its queue meanwhile.
 *
 * The server that leaves gives the client a random ticket. The service manager learns only a digest
 * of the ticket, the identity of the client and the port: the socket's name. So whoever knows the
 * name cannot make the ticket, and a ticket is good only for this identity and this port. [any] */
#ifndef CORE_KEPT_PORTS_H
#define CORE_KEPT_PORTS_H

#include <pthread.h>
#include <spore/base.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/uuid.h"

struct kept_port;

/* What all names begin with. The number is the version of what follows it. All names together are
 * one variable of the next process, which has at most 128 KiB: hence KEPT_PORTS_MOST. */
#define KEPT_PORT_PREFIX "tunnel-1-"
enum { KEPT_PORT_NAME_SIZE = sizeof KEPT_PORT_PREFIX + 32, KEPT_PORTS_MOST = 2048 };

/* A socket as the service manager passes it to the next process. */
struct kept_socket {
	int fd;
	char name[KEPT_PORT_NAME_SIZE]; /* one of another version is cut */
};

struct kept_ports {
	pthread_mutex_t lock;
	struct kept_port *first;
};

/* Writes the name. False: OpenSSL fails. */
bool kept_port_name(const struct uuid *ticket, const char *identity, uint16_t port,
                    char name_out[KEPT_PORT_NAME_SIZE]);

void kept_ports_init(struct kept_ports *ports);
/* Closes the sockets that nobody has taken. */
void kept_ports_fini(struct kept_ports *ports);
/* Takes the socket. False: the name is none of kept_port_name, memory is out, or the socket does
 * not listen at this address (its port does not matter); it is closed. */
bool kept_ports_add(struct kept_ports *ports, const struct kept_socket *socket,
                    const spore_addr *at);
/* The socket, which is not kept any more. -1: none is kept for this ticket, identity and port. */
int kept_ports_take(struct kept_ports *ports, const struct uuid *ticket, const char *identity,
                    uint16_t port);
/* Closes all sockets, and returns how many there were. */
unsigned kept_ports_close(struct kept_ports *ports);

#endif
