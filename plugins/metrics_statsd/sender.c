#include "sender.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

void sender_init(struct sender *sender, const spore_addr *address)
{
	*sender = (struct sender){ *address, -1 };
}

void sender_fini(struct sender *sender)
{
	if (sender->fd >= 0)
		close(sender->fd);
	sender->fd = -1;
}

static socklen_t to_sockaddr(const spore_addr *addr, struct sockaddr_storage *out)
{
	struct sockaddr_in *in = (void *)out;
	struct sockaddr_in6 *in6 = (void *)out;

	memset(out, 0, sizeof *out);
	if (addr->family == 4) {
		in->sin_family = AF_INET;
		in->sin_port = htons(addr->port);
		memcpy(&in->sin_addr, addr->ip + 12, 4);
		return sizeof *in;
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(addr->port);
	in6->sin6_scope_id = addr->scope_id;
	memcpy(&in6->sin6_addr, addr->ip, 16);
	return sizeof *in6;
}

/* Connects the socket, so that the kernel reports when no program listens. */
static int open_socket(struct sender *sender)
{
	struct sockaddr_storage sa;
	socklen_t len = to_sockaddr(&sender->address, &sa);
	int cause;

	if (sender->fd >= 0)
		return 1;
	sender->fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (sender->fd < 0)
		return 0;
	if (connect(sender->fd, (struct sockaddr *)&sa, len) == 0)
		return 1;
	cause = errno;
	sender_fini(sender);
	errno = cause;
	return 0;
}

int sender_send(struct sender *sender, spore_str datagram, int *taken_out)
{
	int cause = 0;

	*taken_out = open_socket(sender) && send(sender->fd, datagram.ptr, datagram.len, 0) >= 0;
	if (!*taken_out)
		cause = errno;
	/* This error is about the datagram before, and has prevented that this one was sent. */
	if (cause == ECONNREFUSED)
		*taken_out = send(sender->fd, datagram.ptr, datagram.len, 0) >= 0;
	return cause;
}
