/* poller - descriptors of somebody who may close them too early.
 *
 * libev must not watch a plugin's descriptor: it ends the process when the descriptor is closed
 * while it is watched, and confuses a watcher with the descriptor's next user. A poller therefore
 * has an epoll set of its own, which libev watches. A closed descriptor is found when it is changed
 * or removed, or when its number is watched again. [worker] */
#ifndef CORE_POLLER_H
#define CORE_POLLER_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct poller;

/* Called when a descriptor is ready; it may change the poller. `key` is that of the descriptor,
 * `events` SPORE_READ, SPORE_WRITE or both. False: the key is not known any more. */
typedef bool (*poller_fn)(uint64_t key, uint32_t events);

/* NULL: out of memory or descriptors. */
struct poller *poller_new(struct loop *loop, poller_fn on_ready);
/* Do not call it within on_ready. NULL is fine. */
void poller_free(struct poller *poller);

/* Watches the descriptor for `events` (0: for nothing yet), level-triggered. Returns 0 or an errno:
 * EBADF (it is not open), EPERM (epoll cannot watch such a file), EEXIST (it is watched already),
 * ELOOP (it would watch itself), or ENOMEM and the like. *lost_out: a watched descriptor of this
 * number had been closed, and has left the poller. The key must not be 0. */
int poller_add(struct poller *poller, int fd, uint32_t events, uint64_t key, bool *lost_out);
/* False: the descriptor has been closed, and on_ready will not be called. */
bool poller_change(struct poller *poller, int fd, uint32_t events, uint64_t key);
/* False: the descriptor had been closed. */
bool poller_remove(struct poller *poller, int fd, uint64_t key);

#endif
