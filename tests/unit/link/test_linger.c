#include "link/linger.h"

#include <poll.h>
#include <string.h>

#include "net/stream.h"
#include "run_until.h"
#include "sockets.h"
#include "suite.h"

enum { MOST = 4, ALL = 10 };

static const unsigned most = MOST;

/* Starts a connection that lingers after the bytes "bye". Returns its far end. */
static int start(struct loop *loop, struct linger_list *list)
{
	struct buf last = { 0 };
	struct stream *stream;
	spore_addr peer;
	int fds[2];

	sockets_tcp_pair(fds);
	ck_assert(addr_parse("127.0.0.1:1", &peer));
	stream = stream_new(loop, fds[0], &peer, NULL);
	ck_assert(stream_open(stream));
	ck_assert(buf_append(&last, "bye", 3, 3));
	linger_start(list, stream, &last);
	return fds[1];
}

/* The last bytes come, then an orderly end. */
static void expect_last_words(int fd)
{
	char text[8];

	ck_assert_int_eq(recv(fd, text, sizeof text, 0), 3);
	ck_assert_int_eq(memcmp(text, "bye", 3), 0);
	ck_assert_int_eq(recv(fd, text, sizeof text, 0), 0);
}

static unsigned count_open(const struct linger_list *list)
{
	unsigned n = 0;

	for (const struct list *i = list->all.next; i != &list->all; i = i->next)
		n++;
	ck_assert_uint_eq(n, list->count);
	return n;
}

START_TEST(words_come_before_the_end_and_input_is_read_away)
{
	struct loop *loop = run_until_loop();
	struct linger_list list;
	int fd;

	linger_list_init(&list, loop, &most);
	fd = start(loop, &list);
	ck_assert_int_eq(send(fd, "more", 4, 0), 4);
	run_for(loop, 50);
	ck_assert_uint_eq(count_open(&list), 1);
	expect_last_words(fd);
	close(fd);
	run_for(loop, 50);
	ck_assert_uint_eq(count_open(&list), 0);
	linger_list_fini(&list);
	loop_free(loop);
}
END_TEST

/* All peers get the last bytes. Of the peers that never close, only the youngest are kept, and only
 * for a second. */
START_TEST(peers_that_never_close_are_bounded)
{
	struct loop *loop = run_until_loop();
	struct linger_list list;
	int fds[ALL];

	linger_list_init(&list, loop, &most);
	for (int i = 0; i < ALL; i++) {
		fds[i] = start(loop, &list);
		ck_assert_uint_le(count_open(&list), MOST);
	}
	run_for(loop, 50);
	ck_assert_uint_eq(count_open(&list), MOST);
	for (int i = 0; i < ALL; i++)
		expect_last_words(fds[i]);
	run_for(loop, 1500);
	ck_assert_uint_eq(count_open(&list), 0);
	linger_list_fini(&list);
	loop_free(loop);
	for (int i = 0; i < ALL; i++)
		close(fds[i]);
}
END_TEST

SUITE("linger", words_come_before_the_end_and_input_is_read_away,
      peers_that_never_close_are_bounded)
