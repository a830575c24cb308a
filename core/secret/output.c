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

/* The pipes from a program: its standard output, its standard error, and one on which the child
 * reports why the program could not be started. Only the first two have a pipe_end. */
enum { OUTPUT, COMPLAINTS, REPORT, N_PIPES, N_ENDS = REPORT };

enum { COMPLAINT_MAX = 200 };

/* What comes through one pipe. */
struct pipe_end {
	int fd; /* -1: closed */
	char *bytes;
	size_t len, size;
};

struct run {
	const char *program;
	pid_t pid;
	int64_t until_ms;
	int most_ms;
	struct pipe_end ends[N_ENDS];
	char complaint[COMPLAINT_MAX + 1];
	char rest[256]; /* takes what comes after a pipe_end is full, and is not used */
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

/* Sets up what the program inherits. Runs in the child, which has one thread. As under a shell, no
 * signal has a handler or is blocked. */
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
	dup2(pipes[OUTPUT][WRITE_END], STDOUT_FILENO);
	dup2(pipes[COMPLAINTS][WRITE_END], STDERR_FILENO);
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

/* Returns 0 or an errno value. */
static int spawn(struct run *run, char *const *argv, int pipes[][2])
{
	const int *report = pipes[REPORT];
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
	setpgid(run->pid, run->pid); /* as the child does: either may be first */
	close(report[WRITE_END]);
	pipes[REPORT][WRITE_END] = -1;
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

/* Returns 0 or an errno value. */
static int start(struct run *run, char *const *argv)
{
	int pipes[N_PIPES][2], n = 0, cause = 0;

	while (n < N_PIPES && !cause) {
		if (pipe2(pipes[n], O_CLOEXEC) < 0)
			cause = errno;
		else
			n++;
	}
	if (!cause)
		cause = spawn(run, argv, pipes);
	for (int i = 0; i < N_ENDS && !cause; i++) {
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

/* False: the output has more bytes than there is room for. Too long complaints are only cut. */
static bool read_end(struct run *run, struct pipe_end *end)
{
	bool is_full = end->len == end->size;
	char *to = is_full ? run->rest : end->bytes + end->len;
	ssize_t n = read(end->fd, to, is_full ? sizeof run->rest : end->size - end->len);

	if (n < 0 && errno == EINTR)
		return true;
	if (n <= 0) {
		close_end(end);
		return true;
	}
	if (is_full)
		return end == &run->ends[COMPLAINTS];
	end->len += (size_t)n;
	return true;
}

/* Fills *err if it returns true. */
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
	struct pollfd polls[N_ENDS];

	for (int i = 0; i < N_ENDS; i++)
		polls[i] = (struct pollfd){ .fd = run->ends[i].fd, .events = POLLIN };
	if (poll(polls, N_ENDS, (int)(run->until_ms - clock_ms()) + 1) < 0 && errno != EINTR) {
		err_set_call(err, "poll", errno);
		return false;
	}
	for (int i = 0; i < N_ENDS; i++) {
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
	while (run->ends[OUTPUT].fd >= 0 || run->ends[COMPLAINTS].fd >= 0) {
		if (is_late(run, err) || !read_some(run, err))
			return false;
	}
	return true;
}

/* ---- the end ---- */

/* Waits until the program has ended. It has closed its output, so this is usually soon. */
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

/* Appends the first line of what the program has printed to standard error. */
static void add_complaint(struct run *run, struct err *err)
{
	char *text = run->complaint;

	text[run->ends[COMPLAINTS].len] = '\0';
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

/* Global, since output_end_program and output_runs are called while another thread waits here. */
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
		.ends = { [OUTPUT] = { -1, out, 0, size },
		          [COMPLAINTS] = { -1, NULL, 0, COMPLAINT_MAX } },
	};
	int failed, status = 0;
	bool good = false;

	run.ends[COMPLAINTS].bytes = run.complaint;
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
	for (int i = 0; i < N_ENDS; i++)
		close_end(&run.ends[i]);
	return good ? (ssize_t)run.ends[OUTPUT].len : -1;
}
