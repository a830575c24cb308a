/* sock - creates and configures sockets: non-blocking, close-on-exec, with TCP_NODELAY. [any] */
#ifndef CORE_SOCK_H
#define CORE_SOCK_H

#include <spore/option.h>
#include <stdbool.h>

#include "base/err.h"

/* Kernel buffer sizes in bytes. 0: the system's default. */
struct sock_sizes {
	int send, receive;
};

/* Sets the sizes that are not 0. Accepted sockets inherit the sizes of their listener. */
void sock_resize(int fd, const struct sock_sizes *sizes);
/* How a socket is bound. */
enum {
	SOCK_SHARED = 1,   /* other sockets may share the port (SO_REUSEPORT) */
	SOCK_ONLY_IPV6 = 2 /* `::` does not receive IPv4 */
};

/* A socket that is bound to addr, with SO_REUSEADDR. how: of SOCK_*. Without SOCK_ONLY_IPV6 `::`
 * receives IPv4, too, whatever net.ipv6.bindv6only says. The sockets that it accepts send keepalive
 * probes after 20 s, until sock_keep_alive says otherwise. -1, errno and *err on failure. */
int sock_bind(const spore_addr *addr, unsigned how, const struct sock_sizes *sizes,
              struct err *err);
/* A socket for this family of addresses that is not bound yet. -1 and errno on failure. */
int sock_unbound(const spore_addr *addr);
/* Allows later sockets to share the port of this one. Call it after bind, so that bind still fails
 * if another process has the port, and before listen. */
bool sock_share_port(int fd);
bool sock_listen(int fd, struct err *err);
/* A listening socket refuses connections from now on, and resets those that nobody has accepted. It
 * keeps its port, which no other socket can get meanwhile, unless it was bound to port 0. */
bool sock_stop_listening(int fd);
/* After sock_stop_listening. Does nothing if the socket listens. */
bool sock_listen_again(int fd, struct err *err);

enum { SOCK_ADDRESSES_MAX = 8 };
/* Listening sockets at one port, one for each address. Zero: none. */
struct sockets {
	unsigned n;
	int fds[SOCK_ADDRESSES_MAX];
};

/* Binds a socket to each address (a list of spore_addr, at most SOCK_ADDRESSES_MAX) with this port,
 * and listens. shared: the sockets join others that are on the port already. may_share: others may
 * join them. An IPv6 socket receives no IPv4 if the list has an address of IPv4. False: none is
 * open; errno, *err, and *at_fault_out, the number of the address. */
bool sock_listen_all(const spore_list *addresses, uint16_t port, bool shared, bool may_share,
                     const struct sock_sizes *sizes, struct sockets *out, size_t *at_fault_out,
                     struct err *err);
/* Makes a listening socket of another program work like those of sock_listen_all for the same
 * addresses: non-blocking and close-on-exec, with the same options and sizes. *addr_out: where it
 * listens, which may be elsewhere. False and *err: it is no listening TCP socket, or it is bound to
 * `::` and receives IPv4 although those would not, or the other way round. */
bool sock_adopt(int fd, const spore_list *addresses, const struct sock_sizes *sizes,
                spore_addr *addr_out, struct err *err);
/* Closes all of them. */
void sock_close_all(struct sockets *sockets);
/* Other descriptors of them, which the caller owns. None, and errno: no descriptor is left. */
struct sockets sock_copy_all(const struct sockets *sockets);

/* Starts a connection attempt. *done_out is true if it has succeeded. Else wait for EV_WRITE, then
 * call sock_take_error. source: the address to connect from, of the same family, whose port does
 * not count; NULL or of family 0: the kernel chooses. -1 and errno on failure. */
int sock_connect(const spore_addr *addr, const spore_addr *source, const struct sock_sizes *sizes,
                 bool *done_out);
enum { SOCK_PATH_MAX = 107 };
/* Connects to a unix socket. There is nothing to wait for: EAGAIN means that the queue of
 * connections to be accepted is full, and that the caller may try again. path: at most
 * SOCK_PATH_MAX bytes. -1 and errno on failure. */
int sock_connect_path(const char *path, const struct sock_sizes *sizes);
/* The errno of a finished attempt, or of a connection that has failed; 0: none. The kernel tells it
 * once. */
int sock_take_error(int fd);
/* What an errno of sock_connect or sock_take_error means to an operator. */
const char *sock_connect_cause(int cause);

void sock_local_addr(int fd, spore_addr *addr_out);
/* False: it is not connected any more. */
bool sock_peer_addr(int fd, spore_addr *addr_out);
/* Does this machine have this IP address, at which a connection may begin? True if that cannot be
 * found out. */
bool sock_addr_is_here(const spore_addr *addr);
/* Sends keepalive probes once the connection has been idle for idle_ms, in whole seconds; 0: no
 * probes. The connection breaks if nothing has come from the peer for timeout_ms and at least three
 * probes are lost. */
void sock_keep_alive(int fd, int64_t idle_ms, int64_t timeout_ms);
/* For control connections: detects within about ten seconds that the peer has vanished, by
 * keepalive and by a limit for unacknowledged data (TCP_USER_TIMEOUT). */
void sock_watch_control(int fd);
/* The peer's kernel has not acknowledged everything that was written. */
bool sock_has_unacknowledged(int fd);
/* What the kernel has seen of the peer of a TCP socket. */
struct sock_sight {
	unsigned repeats; /* of data, or of probes of a closed window, since the peer last
	                   * acknowledged new data or answered a probe */
	int64_t heard_ms; /* time since the peer last acknowledged anything */
};
/* False: it is no TCP socket. */
bool sock_look(int fd, struct sock_sight *sight_out);
/* The socket has unread input. */
bool sock_has_unread(int fd);
/* True if the kernel grants the sizes. False: it grants the smaller sizes in *got_out. */
bool sock_sizes_hold(const struct sock_sizes *asked, struct sock_sizes *got_out);
/* Undoes what another process may have set that has the same socket: closing it does not reset it,
 * and the first byte makes it readable. */
void sock_restore(int fd);
/* Closes the socket with a reset. */
void sock_reset(int fd);

#endif
