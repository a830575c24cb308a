/* listener - accepts in batches, and survives every way in which accept can fail.
 *
 * Out of descriptors or memory (EMFILE, ENFILE, ENOBUFS, ENOMEM), and when many of a batch fail for
 * whatever other cause, it pauses, says so once a second and tries again; nothing of it ends the
 * process or spins. [worker] */
#ifndef CORE_LISTENER_H
#define CORE_LISTENER_H

#include <spore/base.h>
#include <stdbool.h>

struct loop;
struct listener;
struct sock_sizes;

/* The non-blocking fd is the callee's. */
typedef void (*listener_fn)(int fd, const spore_addr *peer, void *arg);

/* Takes the listening fd on success and starts to accept. NULL: out of memory. */
struct listener *listener_new(struct loop *loop, int fd, listener_fn on_accept, void *arg);
/* Asked before each accept; false: nobody is accepted until listener_wake, and who comes waits in
 * the kernel. */
void listener_set_gate(struct listener *listener, bool (*has_room)(void *arg));
/* Accepts, at once, whom there is room for. */
void listener_wake(struct listener *listener);
/* Of the buffers of what it accepts from now on; 0 leaves them as they are. */
void listener_resize(struct listener *listener, const struct sock_sizes *sizes);
/* Closes the socket; NULL is fine. May be called from on_accept. */
void listener_free(struct listener *listener);
/* As listener_free, but the listening socket is the caller's, with the connections that wait in it.
 */
int listener_take(struct listener *listener);
/* The bound address, for the facts of what it accepts. */
const spore_addr *listener_addr(const struct listener *listener);

#endif
