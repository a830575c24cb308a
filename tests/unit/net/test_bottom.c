#include "net/bottom.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "sockets.h"
#include "suite.h"

static int far;

static struct bottom open_bottom(void)
{
	struct bottom bottom;
	int fds[2];

	sockets_tcp_pair(fds);
	far = fds[1];
	bottom_init(&bottom, fds[0]);
	return bottom;
}

static int64_t read_text(struct bottom *bottom, char *text, size_t size, uint32_t *want)
{
	spore_iov parts[] = { { text, 1 }, { text + 1, size - 1 } };

	return bottom->base.ops->readv(&bottom->base, parts, 2, want);
}

static void await_input(const struct bottom *bottom)
{
	ck_assert_int_eq(poll(&(struct pollfd){ bottom->fd, POLLIN, 0 }, 1, 5000), 1);
}

START_TEST(bytes_move_in_parts)
{
	struct bottom bottom = open_bottom();
	const spore_iov parts[] = { { (char[]){ "ab" }, 2 }, { (char[]){ "cd" }, 2 } };
	uint32_t want = 0;
	char text[8];

	ck_assert_int_eq(read_text(&bottom, text, sizeof text, &want), SPORE_EAGAIN);
	ck_assert_uint_eq(want, SPORE_READ);
	ck_assert(!bottom.moved && !bottom.heard);
	ck_assert_int_eq(write(far, "xyz", 3), 3);
	await_input(&bottom);
	ck_assert_int_eq(read_text(&bottom, text, sizeof text, &want), 3);
	ck_assert_mem_eq(text, "xyz", 3);
	ck_assert(bottom.moved && bottom.heard && !bottom.ended);
	bottom.moved = false;
	ck_assert_int_eq(bottom.base.ops->writev(&bottom.base, parts, 2, &want), 4);
	ck_assert(bottom.moved);
	ck_assert_int_eq(poll(&(struct pollfd){ far, POLLIN, 0 }, 1, 5000), 1);
	ck_assert_int_eq(read(far, text, sizeof text), 4);
	ck_assert_mem_eq(text, "abcd", 4);
	bottom_close(&bottom.base, SPORE_CLOSE_FIN);
	close(far);
}
END_TEST

START_TEST(an_end_moves_no_byte)
{
	struct bottom bottom = open_bottom();
	uint32_t want;
	char text[8];

	close(far);
	await_input(&bottom);
	ck_assert_int_eq(read_text(&bottom, text, sizeof text, &want), 0);
	ck_assert(bottom.ended && !bottom.moved);
	bottom_lose(&bottom, EPIPE); /* an orderly end before */
	ck_assert_int_eq(read_text(&bottom, text, sizeof text, &want), 0);
	bottom_lose(&bottom, ECONNRESET);
	ck_assert_int_eq(read_text(&bottom, text, sizeof text, &want), SPORE_ECLOSED);
	bottom_close(&bottom.base, SPORE_CLOSE_FIN);
}
END_TEST

START_TEST(it_is_closed_once)
{
	for (uint32_t how = SPORE_CLOSE_FIN; how <= SPORE_CLOSE_RST; how++) {
		struct bottom bottom = open_bottom();
		char byte;
		int fd;

		bottom_close(&bottom.base, how);
		ck_assert_int_lt(bottom.fd, 0);
		fd = dup(far); /* gets the number that has become free */
		bottom_close(&bottom.base, how);
		ck_assert_int_ge(fcntl(fd, F_GETFD), 0);
		ck_assert_int_eq(poll(&(struct pollfd){ far, POLLIN, 0 }, 1, 5000), 1);
		ck_assert_int_eq(read(far, &byte, 1), how == SPORE_CLOSE_FIN ? 0 : -1);
		close(fd);
		close(far);
	}
}
END_TEST

SUITE("bottom", bytes_move_in_parts, an_end_moves_no_byte, it_is_closed_once)
