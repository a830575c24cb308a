#include "log/stray_exit.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log/log.h"
#include "suite.h"
#include "thread/guest.h"
#include "thread/thread.h"

/* Runs it in a child process, and puts the child's standard error into said. Returns the exit
 * status. */
static int run_child(void (*child)(void), char said[1024])
{
	size_t len = 0;
	int ends[2], status;
	ssize_t n;
	pid_t pid;

	ck_assert_int_eq(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		dup2(ends[1], STDERR_FILENO);
		close(ends[0]);
		close(ends[1]);
		child();
		_exit(99);
	}
	close(ends[1]);
	while ((n = read(ends[0], said + len, 1023 - len)) > 0)
		len += (size_t)n;
	said[len] = '\0';
	close(ends[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Each line begins with a time. */
static void check_child(void (*child)(void), int status, const char *line)
{
	char said[1024];
	const char *end;

	ck_assert_int_eq(run_child(child, said), status);
	end = strstr(said, line);
	ck_assert_msg(end && (*line == '\0' ? *said == '\0' : strcmp(end, line) == 0), "%s", said);
}

static void exit_as_a_guest(void)
{
	guest_thread_begin("main");
	stray_exit_catch();
	guest_enter("staff", "verify");
	exit(0);
}

static void exit_quickly_as_a_guest(void)
{
	stray_exit_catch();
	guest_enter("staff", "verify");
	quick_exit(0);
}

static void exit_while_logging(void)
{
	stray_exit_catch();
	log_start(LOG_INFO, LOG_FORMAT_TEXT);
	log_info("before", log_int("n", 1));
	guest_enter("staff", "verify");
	exit(0);
}

START_TEST(the_plugin_is_named)
{
	check_child(exit_as_a_guest, 1, " error plugin called exit() plugin=staff thread=main\n");
	check_child(exit_quickly_as_a_guest, 1, " error plugin called exit() plugin=staff\n");
}
END_TEST

START_TEST(what_waits_is_written_before)
{
	char said[1024];
	const char *last;

	ck_assert_int_eq(run_child(exit_while_logging, said), 1);
	last = strstr(said, "info  before n=1\n");
	ck_assert_ptr_nonnull(last);
	ck_assert_ptr_nonnull(strstr(last, "error plugin called exit() plugin=staff\n"));
}
END_TEST

static void *exit_here(void *unused)
{
	(void)unused;
	exit(0);
}

static void exit_in_a_thread_of_ours(void)
{
	pthread_t thread;

	stray_exit_catch();
	thread_start(&thread, "some", exit_here, NULL);
	pthread_join(thread, NULL);
}

static void exit_in_another_thread(void)
{
	pthread_t thread;

	stray_exit_catch();
	pthread_create(&thread, NULL, exit_here, NULL);
	pthread_join(thread, NULL);
}

START_TEST(where_no_plugin_is_known_the_thread_is_told)
{
	check_child(exit_in_a_thread_of_ours, 1, " error exit() called thread=some\n");
	check_child(exit_in_another_thread, 1,
	            " error a thread that is not Spore's called exit()\n");
}
END_TEST

static void *end_here(void *unused)
{
	(void)unused;
	guest_enter("staff", "verify");
	pthread_exit(NULL);
}

static void *be_cancelled(void *unused)
{
	(void)unused;
	guest_enter("staff", "verify");
	pthread_cancel(pthread_self());
	pthread_testcancel();
	return NULL;
}

static void end_a_thread_of_ours(void)
{
	pthread_t thread;

	stray_exit_catch();
	thread_start(&thread, "some", end_here, NULL);
	pthread_join(thread, NULL);
}

static void cancel_a_thread_of_ours(void)
{
	pthread_t thread;

	stray_exit_catch();
	thread_start(&thread, "some", be_cancelled, NULL);
	pthread_join(thread, NULL);
}

START_TEST(a_plugin_must_not_end_our_threads)
{
	static const char text[] =
		" error plugin ended a thread of the host plugin=staff thread=some\n";

	check_child(end_a_thread_of_ours, 1, text);
	check_child(cancel_a_thread_of_ours, 1, text);
}
END_TEST

/* The status is that of the child's child. */
static void fork_as_a_guest(void)
{
	int status = 0;
	pid_t child;

	stray_exit_catch();
	guest_enter("staff", "verify");
	child = fork();
	guest_leave();
	waitpid(child, &status, 0);
	_exit(WEXITSTATUS(status));
}

static void fork_ourselves(void)
{
	int status = 0;
	pid_t child;

	stray_exit_catch();
	child = fork();
	guest_enter("staff", "verify");
	guest_leave();
	if (child == 0)
		_exit(7);
	waitpid(child, &status, 0);
	_exit(WEXITSTATUS(status));
}

START_TEST(a_child_of_a_plugin_does_not_return)
{
	check_child(fork_as_a_guest, 1,
	            " error plugin forked and returned in the child plugin=staff\n");
	check_child(fork_ourselves, 7, "");
}
END_TEST

static void say_goodbye(void)
{
	if (write(STDERR_FILENO, "goodbye\n", 8) < 0)
		_exit(98);
}

static void exit_after_a_handler_of_a_plugin(void)
{
	stray_exit_catch();
	atexit(say_goodbye);
	stray_exit_catch_first();
	exit_as_a_guest();
}

START_TEST(handlers_registered_before_do_not_run)
{
	check_child(exit_after_a_handler_of_a_plugin, 1,
	            " error plugin called exit() plugin=staff thread=main\n");
}
END_TEST

static void exit_when_allowed(void)
{
	stray_exit_catch();
	stray_exit_allow();
	exit(7);
}

static void exit_when_not_caught(void)
{
	stray_exit_catch_first();
	exit(7);
}

static void exit_in_a_child(void)
{
	int status = 0;
	pid_t child;

	stray_exit_catch();
	child = fork();
	if (child == 0)
		exit(7);
	waitpid(child, &status, 0);
	_exit(WEXITSTATUS(status));
}

START_TEST(a_regular_end_keeps_its_status)
{
	check_child(exit_when_allowed, 7, "");
	check_child(exit_when_not_caught, 7, "");
	check_child(exit_in_a_child, 7, "");
}
END_TEST

SUITE("stray_exit", a_plugin_must_not_end_our_threads, a_child_of_a_plugin_does_not_return,
      the_plugin_is_named, what_waits_is_written_before,
      where_no_plugin_is_known_the_thread_is_told, handlers_registered_before_do_not_run,
      a_regular_end_keeps_its_status)
