#include "secret/output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

enum { N_PIPES = 2, COMPLAINT_MAX = 200 };

/* What comes through one pipe. */
struct pipe_end {
	int fd; /* -1: at its end */
	char *bytes;
	size_t len, size;
};

struct run {
	const char *program;
	pid_t pid;
	int64_t until_ms;
	int most_ms;
	/* Standard output and standard error. */
	struct pipe_end ends[N_PIPES];
	char complaint[COMPLAINT_MAX + 1];
	char rest[256]; /* of standard error is read and forgotten */
};

static void end_group(const struct run *run)
{
	int status;

	kill(-run->pid, SIGKILL);
	while (waitpid(run->pid, &status, 0) < 0 && errno == EINTR)
		;
}

/* ---- the start ---- */

enum { READ_END, WRITE_END };

/* In the child, which has one thread: sets up what the program inherits. Handlers and blocked
 * signals are as from a shell. */
static void set_up_child(pid_t parent, int pipes[][2])
{
	sigset_t none;

	sigemptyset(&none);
	/* This process may end at any moment, and nobody waits for the program then. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
	setpgid(0, 0);
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), STDIN_FILENO);
	dup2(pipes[0][WRITE_END], STDOUT_FILENO);
	dup2(pipes[1][WRITE_END], STDERR_FILENO);
}

/* Waits until the program runs, or until its start has failed. Returns 0 or an errno value. */
static int await_start(int fd)
{
	int cause = 0;
	ssize_t n;

	do {
		n = read(fd, &cause, sizeof cause);
	} while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof cause ? cause : 0;
}

static int spawn(struct run *run, char *const *argv, int pipes[][2])
{
	const int *report = pipes[N_PIPES];
	pid_t parent = getpid();
	int cause;

	run->pid = fork();
	if (run->pid < 0)
		return errno;
	if (run->pid == 0) {
		set_up_child(parent, pipes);
		execvp(argv[0], argv);
		cause = errno;
		_exit(write(report[WRITE_END], &cause, sizeof cause) < 0);
	}
	setpgid(run->pid, run->pid); /* whoever is first */
	close(report[WRITE_END]);
	pipes[N_PIPES][WRITE_END] = -1;
	cause = await_start(report[READ_END]);
	if (cause)
		end_group(run);
	return cause;
}

static void close_pipes(int pipes[][2], int n)
{
	for (int i = 0; i < n; i++) {
		for (int end = READ_END; end <= WRITE_END; end++) {
			if (pipes[i][end] >= 0)
				close(pipes[i][end]);
		}
	}
}

/* Returns 0 or an errno value. The third pipe tells why the program could not be started. */
static int start(struct run *run, char *const *argv)
{
	int pipes[N_PIPES + 1][2], n = 0, cause = 0;

	for (; n <= N_PIPES && !cause; n += !cause)
		cause = pipe2(pipes[n], O_CLOEXEC) < 0 ? errno : 0;
	if (!cause)
		cause = spawn(run, argv, pipes);
	for (int i = 0; i < N_PIPES && !cause; i++) {
		run->ends[i].fd = pipes[i][READ_END];
		pipes[i][READ_END] = -1;
	}
	close_pipes(pipes, n);
	return cause;
}

/* ---- reading ---- */

static void close_end(struct pipe_end *end)
{
	if (end->fd >= 0)
		close(end->fd);
	end->fd = -1;
}

/* False: more came than there is room for. */
static bool read_end(struct run *run, struct pipe_end *end)
{
	bool is_full = end->len == end->size, is_error = end == &run->ends[1];
	char *to = is_full ? run->rest : end->bytes + end->len;
	ssize_t n = read(end->fd, to, is_full ? sizeof run->rest : end->size - end->len);

	if (n <= 0 && !(n < 0 && errno == EINTR))
		close_end(end);
	if (n > 0 && !is_full)
		end->len += (size_t)n;
	return n <= 0 || !is_full || is_error;
}

static bool is_late(const struct run *run, struct err *err)
{
	if (clock_ms() < run->until_ms)
		return false;
	err_set(err, "%s has not ended within %d s", run->program, run->most_ms / 1000);
	return true;
}

/* Waits until something can be read, and reads it. */
static bool read_some(struct run *run, struct err *err)
{
	struct pollfd polls[N_PIPES];

	for (int i = 0; i < N_PIPES; i++)
		polls[i] = (struct pollfd){ .fd = run->ends[i].fd, .events = POLLIN };
	if (poll(polls, N_PIPES, (int)(run->until_ms - clock_ms()) + 1) < 0 && errno != EINTR) {
		err_set_call(err, "poll", errno);
		return false;
	}
	for (int i = 0; i < N_PIPES; i++) {
		if (polls[i].fd >= 0 && polls[i].revents && !read_end(run, &run->ends[i])) {
			err_set(err, "%s prints more than %zu bytes", run->program,
			        run->ends[i].size);
			return false;
		}
	}
	return true;
}

/* Reads both pipes to their end. */
static bool read_all(struct run *run, struct err *err)
{
	while (run->ends[0].fd >= 0 || run->ends[1].fd >= 0) {
		if (is_late(run, err) || !read_some(run, err))
			return false;
	}
	return true;
}

/* ---- the end ---- */

/* Waits until the program has ended. It has closed its output, so it is about to. */
static bool reap(const struct run *run, int *status, struct err *err)
{
	const struct timespec pause = { .tv_nsec = 2000000 };
	pid_t pid;

	while ((pid = waitpid(run->pid, status, WNOHANG)) == 0 || (pid < 0 && errno == EINTR)) {
		if (is_late(run, err))
			return false;
		nanosleep(&pause, NULL);
	}
	if (pid < 0)
		err_set_call(err, "waitpid", errno);
	return pid == run->pid;
}

/* The first line of what the program has printed to standard error. */
static void add_complaint(struct run *run, struct err *err)
{
	char *text = run->complaint;

	text[run->ends[1].len] = '\0';
	text[strcspn(text, "\r\n")] = '\0';
	if (*text) {
		size_t len = strlen(err->text);

		snprintf(err->text + len, sizeof err->text - len, ": %s", text);
	}
}

static bool is_success(struct run *run, int status, struct err *err)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	if (WIFEXITED(status))
		err_set(err, "%s has ended with status %d", run->program, WEXITSTATUS(status));
	else
		err_set(err, "%s was ended by signal %d", run->program, WTERMSIG(status));
	add_complaint(run, err);
	return false;
}

/* For the one who ends the process meanwhile. */
static struct {
	pthread_mutex_t lock;
	char name[128]; /* "": none runs */
	pid_t group;    /* 0: none was started */
} running = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void note_running(const char *name, pid_t group)
{
	pthread_mutex_lock(&running.lock);
	snprintf(running.name, sizeof running.name, "%s", name);
	running.group = group;
	pthread_mutex_unlock(&running.lock);
}

void output_end_program(void)
{
	pthread_mutex_lock(&running.lock);
	if (running.group)
		kill(-running.group, SIGKILL);
	pthread_mutex_unlock(&running.lock);
}

bool output_runs(char *name_out, size_t size)
{
	pthread_mutex_lock(&running.lock);
	snprintf(name_out, size, "%s", running.name);
	pthread_mutex_unlock(&running.lock);
	return *name_out != '\0';
}

ssize_t output_read(char *const *argv, int most_ms, char *out, size_t size, struct err *err)
{
	struct run run = {
		.program = argv[0],
		.until_ms = clock_ms() + most_ms,
		.most_ms = most_ms,
		.ends = { { -1, out, 0, size }, { -1, NULL, 0, COMPLAINT_MAX } },
	};
	int failed, status = 0;
	bool good = false;

	run.ends[1].bytes = run.complaint;
	note_running(argv[0], 0);
	failed = start(&run, argv);
	if (!failed)
		note_running(argv[0], run.pid);
	if (failed)
		err_set(err, "cannot run %s: %s", argv[0], strerror(failed));
	else if (read_all(&run, err) && reap(&run, &status, err))
		good = is_success(&run, status, err);
	else
		end_group(&run);
	note_running("", 0);
	for (int i = 0; i < N_PIPES; i++)
		close_end(&run.ends[i]);
	return good ? (ssize_t)run.ends[0].len : -1;
}
