#include "upgrade/child.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run_until.h"
#include "suite.h"

static struct child child;
static struct loop *loop;
static bool has_ended;
static int end_status;

static void note_end(void *arg, int status)
{
	(void)arg;
	has_ended = true;
	end_status = status;
}

/* Runs a script. */
static bool start(const char *script, int passed, int complaints, char *extra, struct err *err)
{
	char *argv[] = { (char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c",
		         (char *)(uintptr_t)script, NULL };
	char **environment = child_environment(extra);
	struct child_plan plan = { "/bin/sh", argv, environment, passed, complaints };
	bool started;

	ck_assert_ptr_nonnull(environment);
	loop = loop ? loop : run_until_loop();
	has_ended = false;
	child = (struct child){ .on_end = note_end };
	started = child_start(&child, loop, &plan, err);
	free(environment);
	return started;
}

static int await_end(void)
{
	ck_assert(run_until(loop, run_until_is_set, &has_ended));
	ck_assert_int_eq(child.pid, 0);
	return end_status;
}

/* The status of a script without errors at the start. */
static int run(const char *script, int passed, char *extra)
{
	struct err err;

	ck_assert_msg(start(script, passed, -1, extra, &err), "%s", err.text);
	return WEXITSTATUS(await_end());
}

START_TEST(its_end_is_told)
{
	ck_assert_int_eq(run("exit 7", -1, NULL), 7);
	ck_assert_int_eq(run("exit 0", -1, NULL), 0);
	loop_free(loop);
}
END_TEST

START_TEST(it_inherits_what_it_needs)
{
	static char extra[] = "EXTRA=word";
	int secret = open("/dev/null", O_RDONLY), pair[2];
	char text[16] = "";

	ck_assert_int_ge(secret, 0);
	setenv("WATCHDOG_PID", "1", 1);
	setenv("LISTEN_FDS", "1", 1);
	setenv("WATCHDOG_USEC", "5", 1);
	ck_assert_int_eq(run("test -z \"$WATCHDOG_PID$LISTEN_FDS\" && test $WATCHDOG_USEC = 5 && "
	                     "test $EXTRA = word",
	                     -1, extra),
	                 0);
	ck_assert_int_eq(pipe2(pair, O_CLOEXEC), 0);
	ck_assert_int_eq(
		run("echo hello >&3; set -- /proc/self/fd/*; test $# -le 5", pair[1], NULL), 0);
	ck_assert_int_eq(read(pair[0], text, sizeof text - 1), 6);
	ck_assert_str_eq(text, "hello\n");
	ck_assert_int_eq(run("read -r line", -1, NULL), 1); /* from standard input */
	close(secret);
	close(pair[0]);
	close(pair[1]);
	loop_free(loop);
}
END_TEST

START_TEST(its_complaints_can_be_read)
{
	int pair[2];
	char text[32] = "";
	struct err err;

	ck_assert_int_eq(pipe2(pair, O_CLOEXEC), 0);
	ck_assert(start("echo out; echo complaint >&2", -1, pair[1], NULL, &err));
	await_end();
	ck_assert_int_eq(read(pair[0], text, sizeof text - 1), 10);
	ck_assert_str_eq(text, "complaint\n");
	close(pair[0]);
	close(pair[1]);
	loop_free(loop);
}
END_TEST

/* The test has some of its own. The C library ignores two above 31 for itself. */
START_TEST(no_signal_is_blocked_or_ignored)
{
	sigset_t signals;

	sigfillset(&signals);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGUSR1, SIG_IGN);
	ck_assert_int_eq(run("grep -q '^SigBlk:[^1-9a-f]*$' /proc/self/status && "
	                     "grep -q '^SigIgn:.*0000000$' /proc/self/status",
	                     -1, NULL),
	                 0);
	sigprocmask(SIG_UNBLOCK, &signals, NULL);
	loop_free(loop);
}
END_TEST

START_TEST(it_ends_by_force_or_is_left)
{
	struct err err;
	pid_t pid;
	int status;

	ck_assert(start("sleep 100", -1, -1, NULL, &err));
	child_kill(&child);
	status = await_end();
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGKILL);
	child_kill(&child);
	ck_assert(start("exit 3", -1, -1, NULL, &err));
	pid = child.pid;
	child_leave(&child);
	child_leave(&child);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	run_for(loop, 10);
	ck_assert(!has_ended);
	loop_free(loop);
}
END_TEST

START_TEST(a_program_that_is_not_there)
{
	char *argv[] = { NULL };
	struct child_plan plan = { "/nowhere/spore", argv, environ, -1, -1 };
	struct err err;

	loop = run_until_loop();
	ck_assert(!child_start(&child, loop, &plan, &err));
	ck_assert_str_eq(err.text, "cannot run /nowhere/spore: No such file or directory");
	ck_assert_int_eq(child.pid, 0);
	loop_free(loop);
}
END_TEST

SUITE("child", its_end_is_told, it_inherits_what_it_needs, its_complaints_can_be_read,
      no_signal_is_blocked_or_ignored, it_ends_by_force_or_is_left, a_program_that_is_not_there)
