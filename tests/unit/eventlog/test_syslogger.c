#include "syslogger.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "suite.h"

static const char path[] = "/tmp/spore-unit-syslog";

static int open_daemon(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	unlink(path);
	strcpy(sa.sun_path, path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	return fd;
}

static void expect(int fd, int priority, const char *line)
{
	char bytes[256], date[32], begin[32];
	ssize_t n = recv(fd, bytes, sizeof bytes - 1, MSG_DONTWAIT);
	long pid;
	int end = 0;

	ck_assert_int_gt(n, 0);
	bytes[n] = '\0';
	snprintf(begin, sizeof begin, "<%d>", priority);
	ck_assert_mem_eq(bytes, begin, strlen(begin));
	ck_assert_int_eq(sscanf(bytes + strlen(begin), "%3s %*d %*d:%*d:%*d spore[%ld]: %n", date,
	                        &pid, &end),
	                 2);
	ck_assert_int_eq(pid, getpid());
	ck_assert_str_eq(bytes + strlen(begin) + end, line);
}

START_TEST(a_line_is_a_datagram)
{
	struct syslogger logger;
	int fd = open_daemon();

	syslogger_init(&logger, path, 0);
	ck_assert(syslogger_send(&logger, false, spore_cstr("one")));
	ck_assert(syslogger_send(&logger, true, spore_cstr("two")));
	expect(fd, 3 * 8 + 6, "one");
	expect(fd, 3 * 8 + 5, "two");
	syslogger_fini(&logger);
	syslogger_init(&logger, path, 5); /* local1 */
	ck_assert(syslogger_send(&logger, false, spore_cstr("three")));
	expect(fd, 17 * 8 + 6, "three");
	syslogger_fini(&logger);
	close(fd);
	unlink(path);
}
END_TEST

START_TEST(a_daemon_that_was_restarted_is_found)
{
	struct syslogger logger;
	int fd = open_daemon();

	syslogger_init(&logger, path, 0);
	ck_assert(syslogger_send(&logger, false, spore_cstr("one")));
	close(fd);
	ck_assert(!syslogger_send(&logger, false, spore_cstr("lost")));
	ck_assert_int_eq(errno, ECONNREFUSED);
	fd = open_daemon();
	ck_assert(syslogger_send(&logger, false, spore_cstr("two")));
	expect(fd, 3 * 8 + 6, "two");
	close(fd);
	fd = open_daemon();
	ck_assert(syslogger_send(&logger, false, spore_cstr("three")));
	expect(fd, 3 * 8 + 6, "three");
	syslogger_fini(&logger);
	close(fd);
	unlink(path);
}
END_TEST

START_TEST(without_a_daemon_lines_are_lost)
{
	struct syslogger logger;
	char longest[200];

	unlink(path);
	syslogger_init(&logger, path, 0);
	ck_assert(!syslogger_send(&logger, false, spore_cstr("one")));
	ck_assert_int_eq(errno, ENOENT);
	memset(longest, 'x', sizeof longest);
	longest[sizeof longest - 1] = '\0';
	syslogger_init(&logger, longest, 0);
	ck_assert(!syslogger_send(&logger, false, spore_cstr("one")));
	ck_assert_int_eq(errno, ENAMETOOLONG);
}
END_TEST

/* Of a thousand lines only one waits. */
START_TEST(a_daemon_that_does_not_read_is_waited_for_once)
{
	enum { LINES = 1000 };
	struct syslogger logger;
	int fd = open_daemon(), n_lost = 0;
	char bytes[256];

	syslogger_init(&logger, path, 0);
	for (int i = 0; i < LINES; i++)
		n_lost += !syslogger_send(&logger, false, spore_cstr("one"));
	ck_assert_int_gt(n_lost, LINES / 4);
	ck_assert_int_eq(errno, EAGAIN);
	while (recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
		;
	ck_assert(syslogger_send(&logger, false, spore_cstr("two")));
	expect(fd, 3 * 8 + 6, "two");
	syslogger_fini(&logger);
	close(fd);
	unlink(path);
}
END_TEST

SUITE("syslogger", a_line_is_a_datagram, a_daemon_that_was_restarted_is_found,
      without_a_daemon_lines_are_lost, a_daemon_that_does_not_read_is_waited_for_once)
