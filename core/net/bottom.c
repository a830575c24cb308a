#include "net/bottom.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/container.h"
#include "net/sock.h"

static struct bottom *bottom_of(spore_stream *stream)
{
	return CONTAINER_OF(stream, struct bottom, base);
}

static spore_status bottom_handshake(spore_stream *base, uint32_t *want, spore_ticket ticket)
{
	(void)base;
	(void)want;
	(void)ticket;
	return SPORE_OK;
}

/* The kernel reports a broken connection only once, to the first call that fails. Later calls get
 * an end of file, so the failure is kept. EPIPE does not count: the peer had ended its stream
 * before, and its bytes are complete. */
void bottom_lose(struct bottom *bottom, int cause)
{
	bottom->cause = cause;
	bottom->lost = bottom->lost || cause != EPIPE;
}

static int64_t bottom_failed(struct bottom *bottom, uint32_t *want, uint32_t direction)
{
	if (errno == EAGAIN || errno == EINTR) {
		*want = direction;
		return SPORE_EAGAIN;
	}
	bottom_lose(bottom, errno);
	return errno == ECONNRESET || errno == EPIPE ? SPORE_ECLOSED : SPORE_ESYS;
}

int64_t bottom_readv(spore_stream *base, const spore_iov *iov, uint32_t n, uint32_t *want)
{
	struct bottom *bottom = bottom_of(base);
	ssize_t got = n == 1 ? read(bottom->fd, iov->base, iov->len)
	                     : readv(bottom->fd, (const struct iovec *)(const void *)iov, (int)n);

	if (got < 0)
		return bottom_failed(bottom, want, SPORE_READ);
	if (got > 0)
		bottom->heard = bottom->moved = bottom->used = true;
	else
		bottom->ended = true;
	return got == 0 && bottom->lost ? SPORE_ECLOSED : got;
}

int64_t bottom_writev(spore_stream *base, const spore_iov *iov, uint32_t n, uint32_t *want)
{
	struct bottom *bottom = bottom_of(base);
	ssize_t put = n == 1 ? write(bottom->fd, iov->base, iov->len)
	                     : writev(bottom->fd, (const struct iovec *)(const void *)iov, (int)n);

	if (put < 0)
		return bottom_failed(bottom, want, SPORE_WRITE);
	bottom->moved = bottom->moved || put > 0;
	bottom->used = bottom->used || put > 0;
	return put;
}

static spore_status bottom_shutdown(spore_stream *base, uint32_t *want)
{
	struct bottom *bottom = bottom_of(base);

	(void)want;
	if (shutdown(bottom->fd, SHUT_WR) == 0)
		return SPORE_OK;
	bottom->cause = errno;
	return SPORE_ECLOSED;
}

void bottom_close(spore_stream *base, uint32_t how)
{
	struct bottom *bottom = bottom_of(base);

	if (bottom->fd < 0)
		return;
	if (how == SPORE_CLOSE_RST)
		sock_reset(bottom->fd);
	else
		close(bottom->fd);
	bottom->fd = -1;
}

static uint32_t bottom_raw(spore_stream *base)
{
	(void)base;
	return SPORE_READ | SPORE_WRITE;
}

static const spore_stream_ops bottom_ops = {
	.struct_size = sizeof(spore_stream_ops),
	.handshake = bottom_handshake,
	.readv = bottom_readv,
	.writev = bottom_writev,
	.shutdown = bottom_shutdown,
	.close = bottom_close,
	.raw = bottom_raw,
};

void bottom_init(struct bottom *bottom, int fd)
{
	*bottom = (struct bottom){ .base = { &bottom_ops }, .fd = fd };
}
