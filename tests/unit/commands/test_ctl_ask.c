#include "commands/ctl_ask.h"

#include "answering.h"
#include "suite.h"

START_TEST(the_whole_answer_is_read)
{
	enum { LARGE = 300000 };
	static char answer[LARGE];
	struct answering peer;
	struct err err;
	char *text;
	size_t len;

	memset(answer, 'x', sizeof answer);
	answer[1000] = '\0';
	answering_begin(&peer, answer, sizeof answer);
	text = ctl_ask(peer.path, "kick 5\n", 30000, &len, &err);
	answering_end(&peer);
	ck_assert_ptr_nonnull(text);
	ck_assert_uint_eq(len, LARGE);
	ck_assert_mem_eq(text, answer, LARGE);
	ck_assert_str_eq(peer.asked, "kick 5\n");
	free(text);
}
END_TEST

START_TEST(a_silent_end_is_an_error)
{
	struct answering peer;
	char expected[256];
	struct err err;
	size_t len;

	answering_begin(&peer, "", 0);
	ck_assert_ptr_null(ctl_ask(peer.path, "status\n", 30000, &len, &err));
	answering_end(&peer);
	snprintf(expected, sizeof expected, "no answer at %s: Broken pipe", peer.path);
	ck_assert_str_eq(err.text, expected);
}
END_TEST

/* The peer closes with unread bytes, so the kernel resets the connection behind the answer. */
START_TEST(a_reset_behind_an_answer_ends_it)
{
	struct answering peer;
	char line[2000];
	struct err err;
	char *text;
	size_t len;

	memset(line, 'x', sizeof line - 1);
	line[sizeof line - 1] = '\0';
	answering_begin(&peer, "{}", 2);
	text = ctl_ask(peer.path, line, 30000, &len, &err);
	answering_end(&peer);
	ck_assert_msg(text != NULL, "%s", err.text);
	ck_assert_uint_eq(len, 2);
	ck_assert_mem_eq(text, "{}", 2);
	free(text);
}
END_TEST

START_TEST(no_server)
{
	struct answering peer;
	char expected[256], longer[200];
	struct err err;
	size_t len;

	ck_assert_ptr_null(ctl_ask("/nowhere/socket", "status\n", 30000, &len, &err));
	ck_assert_str_eq(
		err.text,
		"cannot reach a server or client at /nowhere/socket: No such file or directory: "
		"is one running with --admin-socket? Give its path with --socket");

	answering_begin(&peer, "", 0);
	free(ctl_ask(peer.path, "status\n", 30000, &len, &err));
	pthread_join(peer.thread, NULL);
	close(peer.fd);
	ck_assert_ptr_null(ctl_ask(peer.path, "status\n", 30000, &len, &err));
	snprintf(expected, sizeof expected,
	         "cannot reach a server or client at %s: Connection refused: is", peer.path);
	ck_assert_msg(strncmp(err.text, expected, strlen(expected)) == 0, "%s", err.text);
	unlink(peer.path);
	rmdir(peer.folder);

	memset(longer, 'x', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	ck_assert_ptr_null(ctl_ask(longer, "status\n", 30000, &len, &err));
	ck_assert_ptr_nonnull(strstr(err.text, ": File name too long"));
}
END_TEST

SUITE("ctl_ask", the_whole_answer_is_read, a_silent_end_is_an_error,
      a_reset_behind_an_answer_ends_it, no_server)
