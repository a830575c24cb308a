/* listener - accepts connections at one or several sockets, in batches if many come, and survives
 * every failure of accept. In each turn of the loop, it accepts after all other events.
 *
 * It pauses when there are no descriptors or no memory (EMFILE, ENFILE, ENOBUFS, ENOMEM), or when
 * many connections of a batch fail for any other cause. Then it logs an error, at most once a
 * second, and tries again. A failure neither ends the process nor makes the loop spin. [worker] */
#ifndef CORE_LISTENER_H
#define CORE_LISTENER_H

#include <spore/base.h>
#include <stdbool.h>

#include "net/sock.h"

struct err;
struct loop;
struct listener;

/* Takes the fd, which is non-blocking. local: the address of the listening socket. */
typedef void (*listener_fn)(int fd, const spore_addr *peer, const spore_addr *local, void *arg);

/* Takes the listening sockets on success and starts to accept. NULL: out of memory. */
struct listener *listener_new(struct loop *loop, const struct sockets *sockets,
                              listener_fn on_accept, void *arg);
/* has_room runs before each accept. If it returns false, nothing is accepted until listener_wake,
 * and new connections wait in the kernel. */
void listener_set_gate(struct listener *listener, bool (*has_room)(void *arg));
/* Accepts at once, while there is room. */
void listener_wake(struct listener *listener);
/* Sets the buffer sizes of the sockets that are accepted from now on. 0: no change. */
void listener_resize(struct listener *listener, const struct sock_sizes *sizes);
/* Refuses connections until listener_reopen, but keeps the port. Those that nobody has accepted are
 * reset. Idempotent. False: the kernel does not allow it, and nothing has changed. */
bool listener_shut(struct listener *listener);
/* Idempotent. False and *err: it still refuses connections. */
bool listener_reopen(struct listener *listener, struct err *err);
/* Closes the sockets; NULL is fine. May be called from on_accept. */
void listener_free(struct listener *listener);
/* Like listener_free, but first accepts the connections that wait, while there is room. Otherwise
 * the kernel would reset them. */
void listener_finish(struct listener *listener);
/* Like listener_free, but returns the listening sockets, which stay open. So connections that wait
 * in them are kept. */
struct sockets listener_take(struct listener *listener);
/* The sockets, which stay the listener's. */
struct sockets listener_sockets(const struct listener *listener);
/* Other descriptors of the sockets, which the caller owns. None, and errno: no descriptor is left.
 */
struct sockets listener_copy(const struct listener *listener);
/* The address that the first socket is bound to. */
const spore_addr *listener_addr(const struct listener *listener);

#endif
