#include "admin/admin_socket.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/settings.h"
#include "suite.h"

static char folder[64], path[96];

static void set_up(void)
{
	strcpy(folder, "/tmp/test_admin_socket.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/s", folder);
}

static void tear_down(void)
{
	unlink(path);
	ck_assert_int_eq(rmdir(folder), 0); /* nothing else is left there */
}

static void expect_refusal(const char *at, const char *why)
{
	struct admin_socket socket;
	struct err err = { "" };

	ck_assert_int_lt(admin_socket_open(&socket, at, &err), 0);
	ck_assert_msg(strstr(err.text, why) != NULL, "%s", err.text);
	admin_socket_remove(&socket);
}

START_TEST(it_is_the_owners_alone_whatever_the_umask)
{
	struct admin_socket socket;
	struct err err;
	struct stat st;
	int fd;

	set_up();
	umask(0);
	fd = admin_socket_open(&socket, path, &err);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert_int_eq(st.st_mode, S_IFSOCK | 0600);
	admin_socket_remove(&socket);
	ck_assert_int_lt(lstat(path, &st), 0);
	close(fd);
	tear_down();
}
END_TEST

START_TEST(what_a_dead_server_left_is_replaced)
{
	struct admin_socket dead, socket;
	struct err err;
	int fd;

	set_up();
	close(admin_socket_open(&dead, path, &err));
	fd = admin_socket_open(&socket, path, &err);
	ck_assert_msg(fd >= 0, "%s", err.text);
	/* And is not the dead one's to remove any more. */
	admin_socket_remove(&dead);
	ck_assert_int_eq(access(path, F_OK), 0);
	admin_socket_remove(&socket);
	close(fd);
	tear_down();
}
END_TEST

START_TEST(a_live_server_is_left_alone)
{
	struct admin_socket socket;
	struct err err;
	int fd;

	set_up();
	fd = admin_socket_open(&socket, path, &err);
	expect_refusal(path, "another server or client is listening on it");
	ck_assert_int_eq(access(path, F_OK), 0);
	admin_socket_remove(&socket);
	close(fd);
	tear_down();
}
END_TEST

START_TEST(what_is_no_socket_is_left_alone)
{
	FILE *file;

	set_up();
	file = fopen(path, "w");
	fclose(file);
	expect_refusal(path, "is not a socket");
	ck_assert_int_eq(access(path, F_OK), 0);
	tear_down();
}
END_TEST

START_TEST(where_it_cannot_be)
{
	char longest[200];

	memset(longest, 'x', sizeof longest);
	memcpy(longest, "/nowhere/", 9);
	longest[108] = '\0';
	expect_refusal(longest, "longer than 107 bytes");
	longest[107] = '\0';
	expect_refusal(longest, "No such file or directory");
}
END_TEST

START_TEST(who_connects)
{
	int pair[2];
	uid_t uid = (uid_t)-1;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert(admin_socket_is_trusted(pair[0], &uid));
	ck_assert_uint_eq(uid, geteuid());
	close(pair[0]);
	ck_assert(!admin_socket_is_trusted(pair[0], &uid));
	close(pair[1]);
}
END_TEST

/* Neither server removes it while the other one has it. */
START_TEST(the_next_server_has_it)
{
	struct admin_socket socket, next = { 0 };
	struct err err;
	int fd;

	set_up();
	fd = admin_socket_open(&socket, path, &err);
	ck_assert_int_ge(fd, 0);
	ck_assert(!admin_socket_adopt(&next, "/tmp/elsewhere", fd));
	ck_assert(!admin_socket_adopt(&next, path, STDERR_FILENO));
	ck_assert(admin_socket_adopt(&next, path, fd));
	admin_socket_leave(&socket);
	admin_socket_leave(&socket);
	ck_assert(admin_socket_is_in_place(&next));
	admin_socket_remove(&next);
	ck_assert_int_lt(access(path, F_OK), 0);
	close(fd);
	tear_down();
}
END_TEST

SUITE("admin_socket", the_next_server_has_it, it_is_the_owners_alone_whatever_the_umask,
      what_a_dead_server_left_is_replaced, a_live_server_is_left_alone,
      what_is_no_socket_is_left_alone, where_it_cannot_be, who_connects)
