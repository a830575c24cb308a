#include "keep/elders.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "run_until.h"
#include "suite.h"

static struct elders elders;
static struct loop *loop;

/* Two elders, whose ends are in `ends`, the newest first. */
static void open_two(int ends[2])
{
	int fds[2];

	elders = (struct elders){ .n_open = 0 };
	ck_assert_int_eq(elders_send(&elders, 0, "x", 1), ELDERS_NONE);
	for (int i = 0; i < 2; i++)
		ck_assert(elders_pair(&ends[i], &fds[i]));
	loop = run_until_loop();
	elders_open(&elders, loop, fds, 2);
	ck_assert(elders_exist(&elders));
}

static enum elders_news receive(int fd, char said[20], int *connection_out)
{
	size_t len = 19;
	enum elders_news news = elders_receive(fd, connection_out, said, &len);

	said[news == ELDERS_CONNECTION ? len : 0] = '\0';
	return news;
}

static bool has_one(void *unused)
{
	(void)unused;
	return atomic_load(&elders.n_open) == 1;
}

START_TEST(the_newest_elder_gets_the_connection)
{
	int ends[2], pipes[2], connection;
	char said[20];

	open_two(ends);
	ck_assert_int_eq(pipe(pipes), 0);
	ck_assert_int_eq(elders_send(&elders, pipes[1], "said", 4), ELDERS_SENT);
	close(pipes[1]);
	ck_assert_int_eq(receive(ends[1], said, &connection), ELDERS_NOTHING);
	ck_assert_int_eq(receive(ends[0], said, &connection), ELDERS_CONNECTION);
	ck_assert_str_eq(said, "said");
	ck_assert_int_eq(fcntl(connection, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(write(connection, "x", 1), 1);
	ck_assert_int_eq(read(pipes[0], said, 2), 1);
	close(connection);
	elders_close(&elders);
	ck_assert(!elders_exist(&elders));
	ck_assert_int_eq(receive(ends[0], said, &connection), ELDERS_END);
	elders_close(&elders);
}
END_TEST

START_TEST(another_gets_it_when_that_one_has_ended)
{
	int ends[2], connection;
	char said[20];

	open_two(ends);
	close(ends[0]);
	ck_assert_int_eq(elders_send(&elders, STDERR_FILENO, "said", 4), ELDERS_SENT);
	ck_assert_int_eq(receive(ends[1], said, &connection), ELDERS_CONNECTION);
	close(connection);
	ck_assert(run_until(loop, has_one, NULL)); /* the end is noticed */
	close(ends[1]);                            /* not noticed yet */
	ck_assert_int_eq(elders_send(&elders, STDERR_FILENO, "said", 4), ELDERS_NONE);
	elders_close(&elders);
}
END_TEST

/* Then the older one gets the connection, which may be its own. */
START_TEST(an_elder_that_does_not_read_is_busy)
{
	int ends[2], connection, n = 0;
	char said[20];

	open_two(ends);
	while (elders_send(&elders, STDERR_FILENO, "said", 4) == ELDERS_SENT)
		n++;
	ck_assert_int_gt(n, 2 * 50);
	ck_assert_int_lt(n, 2 * 5000);
	ck_assert_int_eq(elders_send(&elders, STDERR_FILENO, "said", 4), ELDERS_BUSY);
	for (int i = 0; i < 2; i++) {
		int received = 0;

		while (receive(ends[i], said, &connection) == ELDERS_CONNECTION) {
			close(connection);
			received++;
		}
		ck_assert_int_gt(received, 50);
		n -= received;
	}
	ck_assert_int_eq(n, 0);
	ck_assert_int_eq(elders_send(&elders, STDERR_FILENO, "said", 4), ELDERS_SENT);
	ck_assert_int_eq(receive(ends[0], said, &connection), ELDERS_CONNECTION);
	close(connection);
	elders_close(&elders);
}
END_TEST

START_TEST(the_next_process_gets_copies)
{
	int ends[2], copies[ELDERS_MOST], connection;
	struct elders next = { .n_open = 0 };
	char said[20];

	open_two(ends);
	ck_assert_uint_eq(elders_copy(&elders, copies), 2);
	elders_open(&next, loop, copies, 2);
	elders_close(&elders);
	ck_assert_int_eq(receive(ends[0], said, &connection), ELDERS_NOTHING);
	ck_assert_int_eq(elders_send(&next, STDERR_FILENO, "said", 4), ELDERS_SENT);
	ck_assert_int_eq(receive(ends[0], said, &connection), ELDERS_CONNECTION);
	close(connection);
	elders_close(&next);
	ck_assert_int_eq(receive(ends[1], said, &connection), ELDERS_END);
}
END_TEST

SUITE("elders", the_newest_elder_gets_the_connection, another_gets_it_when_that_one_has_ended,
      an_elder_that_does_not_read_is_busy, the_next_process_gets_copies)
