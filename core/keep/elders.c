#include "keep/elders.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop/loop.h"

union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int))];
};

/* ---- the younger process ---- */

static void close_elder(struct elder *elder)
{
	struct elders *elders = elder->elders;

	pthread_mutex_lock(&elders->lock);
	elder->is_open = false;
	ev_io_stop(loop_ev(elders->main_loop), &elder->end);
	loop_forget_fd(elders->main_loop, elder->fd); /* the next process may have it, too */
	close(elder->fd);
	atomic_fetch_sub(&elders->n_open, 1);
	pthread_mutex_unlock(&elders->lock);
}

/* An elder sends nothing. */
static void on_end(struct ev_loop *ev, ev_io *io, int events)
{
	(void)ev;
	(void)events;
	close_elder(io->data);
}

void elders_open(struct elders *elders, struct loop *main_loop, const int *fds, unsigned n)
{
	pthread_mutex_init(&elders->lock, NULL);
	elders->main_loop = main_loop;
	for (unsigned i = 0; i < n; i++) {
		struct elder *elder = &elders->all[i];

		*elder = (struct elder){ .elders = elders, .fd = fds[i], .is_open = true };
		ev_io_init(&elder->end, on_end, elder->fd, EV_READ);
		elder->end.data = elder;
		ev_io_start(loop_ev(main_loop), &elder->end);
	}
	atomic_store(&elders->n_open, n);
}

void elders_close(struct elders *elders)
{
	for (unsigned i = 0; i < ELDERS_MOST; i++) {
		if (elders->all[i].is_open)
			close_elder(&elders->all[i]);
	}
}

unsigned elders_copy(struct elders *elders, int out[ELDERS_MOST])
{
	unsigned n = 0;

	for (unsigned i = 0; i < ELDERS_MOST; i++) {
		int copy = elders->all[i].is_open ? fcntl(elders->all[i].fd, F_DUPFD_CLOEXEC, 0)
		                                  : -1;

		if (copy >= 0)
			out[n++] = copy;
	}
	return n;
}

bool elders_exist(const struct elders *elders)
{
	return atomic_load(&elders->n_open) > 0;
}

/* 0, or an errno. */
static int send_one(int fd, int connection, const void *said, size_t len)
{
	union control control = { .header = { .cmsg_len = CMSG_LEN(sizeof connection),
		                              .cmsg_level = SOL_SOCKET,
		                              .cmsg_type = SCM_RIGHTS } };
	struct iovec iov = { (void *)(uintptr_t)said, len };
	struct msghdr message = { .msg_iov = &iov,
		                  .msg_iovlen = 1,
		                  .msg_control = control.bytes,
		                  .msg_controllen = sizeof control.bytes };
	ssize_t n;

	memcpy(CMSG_DATA(&control.header), &connection, sizeof connection);
	do
		n = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? errno : 0;
}

static bool has_ended(int cause)
{
	return cause == EPIPE || cause == ECONNRESET || cause == ENOTCONN;
}

enum elders_result elders_send(struct elders *elders, int connection, const void *said, size_t len)
{
	enum elders_result result = ELDERS_NONE;

	if (!elders_exist(elders))
		return ELDERS_NONE;
	pthread_mutex_lock(&elders->lock);
	for (unsigned i = 0; i < ELDERS_MOST && result != ELDERS_SENT; i++) {
		int cause = elders->all[i].is_open
		                    ? send_one(elders->all[i].fd, connection, said, len)
		                    : EPIPE;

		if (!cause)
			result = ELDERS_SENT;
		else if (!has_ended(cause))
			result = ELDERS_BUSY;
	}
	pthread_mutex_unlock(&elders->lock);
	return result;
}

/* ---- the elder ---- */

bool elders_pair(int *elder_out, int *younger_out)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return false;
	*elder_out = ends[0];
	*younger_out = ends[1];
	return true;
}

enum elders_news elders_receive(int fd, int *connection_out, void *said, size_t *len_inout)
{
	union control control = { .bytes = { 0 } };
	struct iovec iov = { said, *len_inout };
	struct msghdr message = { .msg_iov = &iov,
		                  .msg_iovlen = 1,
		                  .msg_control = control.bytes,
		                  .msg_controllen = sizeof control.bytes };
	const struct cmsghdr *header;
	ssize_t n;

	do
		n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == ENOMEM || errno == ENOBUFS))
		return ELDERS_NOTHING;
	if (n <= 0)
		return ELDERS_END;
	*len_inout = (size_t)n;
	*connection_out = -1;
	header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
	    header->cmsg_len >= CMSG_LEN(sizeof *connection_out))
		memcpy(connection_out, CMSG_DATA(header), sizeof *connection_out);
	return ELDERS_CONNECTION;
}
