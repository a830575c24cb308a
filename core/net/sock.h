/* sock - sockets as the core wants them: non-blocking, close-on-exec, NODELAY. [any] */
#ifndef CORE_SOCK_H
#define CORE_SOCK_H

#include <spore/base.h>
#include <stdbool.h>

#include "base/err.h"

/* Kernel buffer sizes in bytes; 0 leaves the system's own. */
struct sock_sizes {
	int send, receive;
};

/* What is not 0, from now on; what a listening socket accepts inherits it. */
void sock_resize(int fd, const struct sock_sizes *sizes);
/* A socket bound to addr with SO_REUSEADDR; `shared` joins the others on the same port
 * (SO_REUSEPORT). -1, errno and *err on failure. */
int sock_bind(const spore_addr *addr, bool shared, const struct sock_sizes *sizes, struct err *err);
/* One that could be bound there, and is not. -1 and errno. */
int sock_unbound(const spore_addr *addr);
/* Lets later sockets share the port of this one. Between bind and listen: so a stranger's bind
 * has failed on it before, and another process of ours gets "address in use". */
bool sock_share_port(int fd);
bool sock_listen(int fd, struct err *err);

/* A connection attempt: *done_out is true if it stands already, else wait for EV_WRITE and ask
 * sock_connect_result. -1 and errno on failure. */
int sock_connect(const spore_addr *addr, const struct sock_sizes *sizes, bool *done_out);
/* 0, or the errno of a finished attempt. */
int sock_connect_result(int fd);

void sock_local_addr(int fd, spore_addr *addr_out);
/* The other side is asked about once a minute whether it is there. A bound socket has that from the
 * start, and so have those that it accepts; a connection that was dialled is worth it once it
 * lasts. */
void sock_keep_alive(int fd);
/* A control connection's peer that vanishes is noticed within about ten seconds: keepalive, and an
 * end to unacknowledged data (TCP_USER_TIMEOUT). */
void sock_watch_control(int fd);
/* What was sent has been repeated without an answer, and nothing has been acknowledged for so long:
 * the other side's network or kernel is gone. False also when nothing is on its way. */
bool sock_is_unanswered(int fd, int for_ms);
/* Bytes wait to be read. */
bool sock_has_unread(int fd);
/* True if the kernel gave what was asked; else *got_out holds the smaller sizes it gave. */
bool sock_sizes_hold(const struct sock_sizes *asked, struct sock_sizes *got_out);
/* Closes so that the other side sees a reset. */
void sock_reset(int fd);

#endif
