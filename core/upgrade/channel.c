#include "upgrade/channel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container.h"
#include "json/jsonout.h"
#include "json/reply.h"

/* A message that waits to be sent. */
struct parcel {
	struct list node;
	int fd;      /* owned; -1: none */
	char text[]; /* NUL-ended */
};

union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int))];
};

/* ---- both sides ---- */

static int take_descriptor(struct msghdr *message)
{
	struct cmsghdr *header = CMSG_FIRSTHDR(message);
	int fd;

	if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
		return -1;
	memcpy(&fd, CMSG_DATA(header), sizeof fd);
	return fd;
}

enum channel_news channel_read(int fd, struct json **message_out, int *fd_out)
{
	char text[CHANNEL_TEXT_MOST];
	union control control = { .bytes = { 0 } };
	struct iovec iov = { text, sizeof text };
	struct msghdr message = { .msg_iov = &iov,
		                  .msg_iovlen = 1,
		                  .msg_control = control.bytes,
		                  .msg_controllen = sizeof control.bytes };
	ssize_t n;

	do
		n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return CHANNEL_NOTHING;
	if (n <= 0)
		return CHANNEL_END;
	*fd_out = take_descriptor(&message);
	if (!(message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) &&
	    reply_parse(text, (size_t)n, message_out, NULL, 0) == SPORE_OK)
		return CHANNEL_MESSAGE;
	if (*fd_out >= 0)
		close(*fd_out);
	return CHANNEL_END;
}

bool channel_write(int fd, const char *text, int passed)
{
	union control control = { .bytes = { 0 } };
	struct iovec iov = { (void *)(uintptr_t)text, strlen(text) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (passed >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof control.bytes;
		control.header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof passed),
			                           .cmsg_level = SOL_SOCKET,
			                           .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(&control.header), &passed, sizeof passed);
	}
	do
		n = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n >= 0;
}

char *channel_object(const char *key, const char *value)
{
	struct jsonout json = { 0 };
	char *text = NULL;
	size_t size;

	json.out = open_memstream(&text, &size);
	if (!json.out)
		return NULL;
	jsonout_begin(&json, NULL, '{');
	jsonout_text(&json, key, value);
	jsonout_end(&json, '}');
	fclose(json.out);
	return text;
}

/* ---- the side with a loop ---- */

static struct ev_loop *ev_of(const struct channel *channel)
{
	return loop_ev(channel->loop);
}

static void drop_parcel(struct parcel *parcel)
{
	list_remove(&parcel->node);
	if (parcel->fd >= 0)
		close(parcel->fd);
	free(parcel);
}

static void end_channel(struct channel *channel)
{
	channel_close(channel);
	channel->on_end(channel->arg);
}

/* Sends until the other side has to read first. */
static void send_parcels(struct channel *channel)
{
	while (!list_is_empty(&channel->queue)) {
		struct parcel *parcel = CONTAINER_OF(channel->queue.next, struct parcel, node);

		if (!channel_write(channel->fd, parcel->text, parcel->fd)) {
			/* The reader learns of an end, and what came before it. */
			if (errno != EAGAIN)
				ev_io_stop(ev_of(channel), &channel->writer);
			return;
		}
		drop_parcel(parcel);
	}
	ev_io_stop(ev_of(channel), &channel->writer);
}

static void on_writable(struct ev_loop *ev, ev_io *io, int events)
{
	(void)ev;
	(void)events;
	send_parcels(io->data);
}

void channel_catch_up(struct channel *channel)
{
	enum channel_news news = CHANNEL_MESSAGE;

	while (channel->fd >= 0 && news == CHANNEL_MESSAGE) {
		struct json *message;
		int passed;

		news = channel_read(channel->fd, &message, &passed);
		if (news == CHANNEL_END)
			end_channel(channel);
		if (news != CHANNEL_MESSAGE)
			return;
		if (passed >= 0)
			close(passed); /* this side expects none */
		channel->on_message(channel->arg, message);
		reply_free(message);
	}
}

static void on_readable(struct ev_loop *ev, ev_io *io, int events)
{
	(void)ev;
	(void)events;
	channel_catch_up(io->data);
}

void channel_open(struct channel *channel, struct loop *loop, int fd)
{
	channel->loop = loop;
	channel->fd = fd;
	list_init(&channel->queue);
	ev_io_init(&channel->reader, on_readable, fd, EV_READ);
	ev_io_init(&channel->writer, on_writable, fd, EV_WRITE);
	channel->reader.data = channel->writer.data = channel;
	ev_io_start(loop_ev(loop), &channel->reader);
}

bool channel_send(struct channel *channel, const char *text, int passed)
{
	size_t size = strlen(text) + 1;
	struct parcel *parcel = channel->fd >= 0 ? malloc(sizeof *parcel + size) : NULL;

	if (!parcel) {
		if (passed >= 0)
			close(passed);
		return false;
	}
	parcel->fd = passed;
	memcpy(parcel->text, text, size);
	list_append(&channel->queue, &parcel->node);
	ev_io_start(ev_of(channel), &channel->writer);
	return true;
}

void channel_close(struct channel *channel)
{
	if (channel->fd < 0)
		return;
	ev_io_stop(ev_of(channel), &channel->reader);
	ev_io_stop(ev_of(channel), &channel->writer);
	while (!list_is_empty(&channel->queue))
		drop_parcel(CONTAINER_OF(channel->queue.next, struct parcel, node));
	close(channel->fd);
	channel->fd = -1;
}
