/* listeners - the listening sockets that plugins asked the host for.
 *
 * The host keeps each socket, so that after a reload the next instance gets the same one. A socket
 * is closed when its last instance gives it back. Global to the process. [control] */
#ifndef CORE_LISTENERS_H
#define CORE_LISTENERS_H

#include <spore/base.h>
#include <spore/option.h>
#include <stdbool.h>

/* The sockets that one instance uses; zero: none. */
struct listener_use {
	uint64_t bits;
};

/* A socket of the server before this one: the first listeners_get at this address takes it, and
 * binds none. Takes the fd, and closes it if there is no room. Before the control thread starts.
 * [main] */
void listeners_inherit(const spore_addr *address, int fd);
/* Closes those that nobody has taken. [main], while the control thread has no job */
void listeners_disinherit(void);
/* Shows copies of the sockets, which `take` must close. [any] */
void listeners_copy(void (*take)(void *arg, const spore_addr *address, int fd), void *arg);
/* Adds the socket at the address to `use` and lends its descriptor. Without `bind` a new socket has
 * no address and accepts nothing. SPORE_OK, or SPORE_ESYS with errno. */
spore_status listeners_get(const spore_addr *address, bool bind, struct listener_use *use,
                           int *fd_out);
/* `use` has a socket. */
bool listeners_has(const struct listener_use *use);
/* A socket at this address would have a port in common with one of `use`: the address is the same,
 * or one of the two stands for all addresses. */
bool listeners_overlap(const struct listener_use *use, const spore_addr *address);
/* A port of the ranges (a list of spore_port_range) that no other socket at one of these IP
 * addresses (a list of spore_addr) can have, since one of `use` has it. 0: there is none. */
uint16_t listeners_port_among(const struct listener_use *use, const spore_list *ips,
                              const spore_list *ranges);
/* An address that both use; NULL: none. Valid until one of them drops it. */
const spore_addr *listeners_common(const struct listener_use *one,
                                   const struct listener_use *other);
/* Gives back all sockets of `use`. */
void listeners_drop(struct listener_use *use);
/* The number of sockets that are open. [any] */
unsigned listeners_count(void);

#endif
