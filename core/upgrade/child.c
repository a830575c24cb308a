#include "upgrade/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop/loop.h"

/* ---- the start ---- */

/* Returns 0 or an errno value, as posix_spawn does. */
static int set_files(posix_spawn_file_actions_t *actions, const struct child_plan *plan)
{
	int failed = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY,
	                                              0);
	int first = CHILD_PASSED_FD;

	if (!failed && plan->complaints >= 0)
		failed = posix_spawn_file_actions_adddup2(actions, plan->complaints, STDERR_FILENO);
	if (!failed && plan->complaints >= 0)
		failed = posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null",
		                                          O_WRONLY, 0);
	if (!failed && plan->passed >= 0)
		failed = posix_spawn_file_actions_adddup2(actions, plan->passed, first++);
	return failed ? failed : posix_spawn_file_actions_addclosefrom_np(actions, first);
}

/* As under a shell, no signal has a handler or is blocked or ignored. */
static void set_signals(posix_spawnattr_t *attributes)
{
	sigset_t signals;

	sigemptyset(&signals);
	posix_spawnattr_setsigmask(attributes, &signals);
	sigfillset(&signals);
	posix_spawnattr_setsigdefault(attributes, &signals);
	posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

/* Returns 0 or an errno value. */
static int spawn(pid_t *pid_out, const struct child_plan *plan)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int failed = posix_spawn_file_actions_init(&actions);

	if (failed)
		return failed;
	failed = posix_spawnattr_init(&attributes);
	if (!failed) {
		set_signals(&attributes);
		failed = set_files(&actions, plan);
		if (!failed)
			failed = posix_spawn(pid_out, plan->path, &actions, &attributes, plan->argv,
			                     plan->environment);
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&actions);
	return failed;
}

/* Returns the status of its end. */
static int reap(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static void on_process_end(struct ev_loop *ev, ev_io *io, int events)
{
	struct child *child = io->data;
	pid_t pid = child->pid;

	(void)ev;
	(void)events;
	child_leave(child);
	child->on_end(child->arg, reap(pid));
}

bool child_start(struct child *child, struct loop *loop, const struct child_plan *plan,
                 struct err *err)
{
	int failed = spawn(&child->pid, plan);

	if (failed) {
		child->pid = 0;
		err_set(err, "cannot run %s: %s", plan->path, strerrordesc_np(failed));
		return false;
	}
	child->process = (int)syscall(SYS_pidfd_open, child->pid, 0);
	if (child->process < 0) {
		err_set_call(err, "pidfd_open", errno);
		kill(child->pid, SIGKILL);
		reap(child->pid);
		child->pid = 0;
		return false;
	}
	child->loop = loop;
	ev_io_init(&child->end, on_process_end, child->process, EV_READ);
	child->end.data = child;
	ev_io_start(loop_ev(loop), &child->end);
	return true;
}

void child_kill(struct child *child)
{
	if (child->pid)
		kill(child->pid, SIGKILL);
}

void child_leave(struct child *child)
{
	if (!child->pid)
		return;
	ev_io_stop(loop_ev(child->loop), &child->end);
	close(child->process);
	child->pid = 0;
}

/* ---- the environment ---- */

/* What a service manager tells one process (sd_notify(3), sd_listen_fds(3)). */
static const char *const own[] = { "WATCHDOG_PID=", "LISTEN_PID=", "LISTEN_FDS=",
	                           "LISTEN_FDNAMES=" };

static bool is_own(const char *variable)
{
	for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
		if (strncmp(variable, own[i], strlen(own[i])) == 0)
			return true;
	}
	return false;
}

char **child_environment(char *extra)
{
	size_t n = 0, to = 0;
	char **made;

	while (environ[n])
		n++;
	made = calloc(n + 2, sizeof *made);
	if (!made)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (!is_own(environ[i]))
			made[to++] = environ[i];
	}
	made[to] = extra;
	return made;
}
