#include "server/activation.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "suite.h"

/* libcheck runs each test in a process of its own, whose descriptors from 3 on may be in use. */
static void pass(const char *n)
{
	char pid[16];

	snprintf(pid, sizeof pid, "%d", (int)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", n, 1);
	setenv("LISTEN_FDNAMES", "control", 1);
}

static void open_two(void)
{
	for (int fd = 3; fd < 5; fd++)
		ck_assert_int_eq(dup2(STDERR_FILENO, fd), fd);
	close(5);
}

START_TEST(sockets_are_taken_and_hidden_from_others)
{
	struct activation activation;

	open_two();
	pass("2");
	activation_take(&activation);
	ck_assert_str_eq(activation.err.text, "");
	ck_assert_uint_eq(activation.n, 2);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(activation.fds[i], 3 + i);
		ck_assert(fcntl(3 + i, F_GETFD) & FD_CLOEXEC);
	}
	ck_assert_ptr_null(getenv("LISTEN_PID"));
	ck_assert_ptr_null(getenv("LISTEN_FDS"));
	ck_assert_ptr_null(getenv("LISTEN_FDNAMES"));
	activation_close(&activation);
	activation_close(&activation);
	ck_assert_uint_eq(activation.n, 0);
	ck_assert_int_lt(fcntl(3, F_GETFD), 0);
}
END_TEST

START_TEST(kept_ports_are_known_by_their_names)
{
	struct activation activation;

	open_two();
	pass("2");
	setenv("LISTEN_FDNAMES", "tunnel-1-00112233445566778899aabbccddeeff:control", 1);
	activation_take(&activation);
	ck_assert_uint_eq(activation.n, 1);
	ck_assert_int_eq(activation.fds[0], 4);
	ck_assert_uint_eq(activation.n_kept, 1);
	ck_assert_int_eq(activation.kept[0].fd, 3);
	ck_assert_str_eq(activation.kept[0].name, "tunnel-1-00112233445566778899aabbccddeeff");
	activation_close(&activation);
	ck_assert_int_lt(fcntl(3, F_GETFD), 0);
	open_two();
	pass("2");
	unsetenv("LISTEN_FDNAMES");
	activation_take(&activation);
	ck_assert_uint_eq(activation.n, 2);
	activation_close(&activation);
}
END_TEST

START_TEST(routed_ports_are_known_by_their_name)
{
	struct activation activation;

	open_two();
	pass("2");
	setenv("LISTEN_FDNAMES", KEPT_ROUTED_NAME ":" KEPT_ROUTED_NAME, 1);
	activation_take(&activation);
	ck_assert_uint_eq(activation.n + activation.n_kept, 0);
	ck_assert_uint_eq(activation.n_shared, 2);
	ck_assert_int_eq(activation.shared[1], 4);
	activation_close(&activation);
	ck_assert_int_lt(fcntl(3, F_GETFD), 0);
}
END_TEST

START_TEST(sockets_of_another_process_are_left_alone)
{
	struct activation activation;

	open_two();
	unsetenv("LISTEN_FDS");
	activation_take(&activation);
	ck_assert_uint_eq(activation.n, 0);
	pass("2");
	setenv("LISTEN_PID", "1", 1);
	activation_take(&activation);
	ck_assert_uint_eq(activation.n, 0);
	ck_assert_ptr_nonnull(getenv("LISTEN_FDS"));
	unsetenv("LISTEN_PID");
	activation_take(&activation);
	ck_assert_uint_eq(activation.n, 0);
	ck_assert_str_eq(activation.err.text, "");
	ck_assert_int_ge(fcntl(3, F_GETFD), 0);
}
END_TEST

START_TEST(a_wrong_number_is_an_error)
{
	static const char *const wrong[] = {
		"", "two", "-1", "2305", "2 ", "99999999999999999999"
	};
	struct activation activation;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		pass(wrong[i]);
		activation_take(&activation);
		ck_assert_uint_eq(activation.n, 0);
		ck_assert_str_eq(activation.err.text,
		                 "LISTEN_FDS: expected a number from 0 to 2304");
		ck_assert_ptr_null(getenv("LISTEN_FDS"));
	}
}
END_TEST

START_TEST(a_descriptor_that_is_missing_is_named)
{
	struct activation activation;

	open_two();
	pass("3");
	activation_take(&activation);
	ck_assert_uint_eq(activation.n, 0);
	ck_assert_str_eq(activation.err.text, "LISTEN_FDS is 3, but the descriptor 5 is not open");
}
END_TEST

SUITE("activation", routed_ports_are_known_by_their_name, sockets_are_taken_and_hidden_from_others,
      kept_ports_are_known_by_their_names, sockets_of_another_process_are_left_alone,
      a_wrong_number_is_an_error, a_descriptor_that_is_missing_is_named)
