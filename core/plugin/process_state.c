#include "plugin/process_state.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FAR_DESCRIPTOR = 1000 };

static const struct {
	int number;
	const char *handler;
} own_signals[PROCESS_STATE_OWN] = {
	{ SIGTERM, "TERM handler" },
	{ SIGINT, "INT handler" },
	{ SIGHUP, "HUP handler" },
	{ SIGPIPE, "PIPE handler" },
};

static const struct {
	int resource;
	const char *name;
} limits[PROCESS_STATE_LIMITS] = {
	{ RLIMIT_CORE, "core file limit" },
	{ RLIMIT_NOFILE, "descriptor limit" },
};

static const struct {
	int fd;
	const char *name;
} outputs[PROCESS_STATE_OUTPUTS] = {
	{ STDOUT_FILENO, "standard output" },
	{ STDERR_FILENO, "standard error" },
};

static void append_name(char list[PROCESS_CHANGES_TEXT], const char *name)
{
	size_t len = strlen(list);

	snprintf(list + len, PROCESS_CHANGES_TEXT - len, "%s%s", len ? ", " : "", name);
}

static void append_outcome(struct process_changes *changes, bool restored, const char *name)
{
	append_name(restored ? changes->restored : changes->lost, name);
}

/* ---- signals ---- */

static int signal_at(size_t i)
{
	return i < PROCESS_STATE_OWN ? own_signals[i].number
	                             : fault_signals[i - PROCESS_STATE_OWN].number;
}

/* Only signals that the host uses are reported: a runtime may unblock others, such as PROF. */
static void restore_mask(const sigset_t *before, struct process_changes *changes)
{
	bool changed = false;
	sigset_t after;

	pthread_sigmask(SIG_SETMASK, before, &after);
	for (size_t i = 0; i < PROCESS_STATE_SIGNALS; i++)
		changed = changed ||
		          sigismember(before, signal_at(i)) != sigismember(&after, signal_at(i));
	if (changed)
		append_name(changes->restored, "signal mask");
}

/* sa_handler and sa_sigaction are members of one union. */
static bool is_same_action(const struct sigaction *a, const struct sigaction *b)
{
	return a->sa_handler == b->sa_handler && a->sa_flags == b->sa_flags;
}

/* The fault handlers of a language runtime stay. Go catches PIPE, too: PIPE is ignored again, but
 * without a warning, since Go does not need its handler. */
static void restore_action(size_t i, const struct sigaction *before,
                           struct process_changes *changes)
{
	bool is_fault = i >= PROCESS_STATE_OWN, is_of_runtime;
	struct sigaction after = { .sa_flags = 0 };
	char text[32], *list = changes->restored;

	if (sigaction(signal_at(i), NULL, &after) < 0 || is_same_action(before, &after))
		return;
	snprintf(text, sizeof text, "%s%s",
	         is_fault ? fault_signals[i - PROCESS_STATE_OWN].name : own_signals[i].handler,
	         is_fault ? " handler" : "");
	is_of_runtime = fault_is_of_runtime(&after);
	if (!is_fault || !is_of_runtime)
		sigaction(signal_at(i), before, NULL);
	if (is_of_runtime && (is_fault || signal_at(i) == SIGPIPE))
		list = changes->runtime;
	append_name(list, text);
}

/* ---- locale ---- */

static void restore_locale(struct process_state *state, struct process_changes *changes)
{
	if (uselocale((locale_t)0) != state->thread_locale) {
		uselocale(state->thread_locale);
		append_name(changes->restored, "thread locale");
	}
	if (state->locale && strcmp(state->locale, setlocale(LC_ALL, NULL)) != 0)
		append_outcome(changes, setlocale(LC_ALL, state->locale) != NULL, "locale");
	free(state->locale);
}

/* ---- umask and working directory ---- */

/* umask() returns the old value only when it sets a new one, which a file that another thread
 * creates meanwhile would get. */
static int read_umask(void)
{
	int fd = open("/proc/thread-self/status", O_RDONLY | O_CLOEXEC);
	char text[256];
	const char *row;
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof text - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	row = strstr(text, "\nUmask:");
	return row ? (int)strtol(row + strlen("\nUmask:"), NULL, 8) : -1;
}

static void restore_umask(int before, struct process_changes *changes)
{
	int after;

	if (before < 0)
		return;
	after = read_umask();
	if (after == before)
		return;
	umask((mode_t)before);
	if (after >= 0)
		append_name(changes->restored, "umask");
}

/* The copy does not take the place of a standard descriptor that is closed. It is far from the
 * other descriptors if the limit permits that, so that it survives a plugin that closes them in a
 * loop. */
static int copy_descriptor(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, FAR_DESCRIPTOR);

	return copy >= 0 ? copy : fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

/* The descriptor of the working directory; it does not take the place of a standard one, either. */
static int open_folder(void)
{
	int fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC), copy;

	if (fd < 0 || fd > STDERR_FILENO)
		return fd;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	close(fd);
	return copy;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static void restore_folder(int before, struct process_changes *changes)
{
	struct stat then, now;

	if (before < 0)
		return;
	if (fstat(before, &then) < 0) { /* it is ours, and nobody else may close it */
		changes->descriptors_lost = true;
		return;
	}
	if (stat(".", &now) < 0 || !is_same_file(&then, &now))
		append_outcome(changes, fchdir(before) == 0, "working directory");
	close(before);
}

/* ---- limits and descriptors ---- */

static bool is_same_limit(const struct rlimit *a, const struct rlimit *b)
{
	return a->rlim_cur == b->rlim_cur && a->rlim_max == b->rlim_max;
}

/* A process without privileges cannot raise a hard limit again. Then the soft limit is restored as
 * far as the hard limit allows. */
static void restore_limit(size_t i, const struct rlimit *before, struct process_changes *changes)
{
	struct rlimit after;
	bool restored;

	if (getrlimit(limits[i].resource, &after) < 0 || is_same_limit(&after, before))
		return;
	restored = setrlimit(limits[i].resource, before) == 0;
	if (!restored) {
		after.rlim_cur = before->rlim_cur < after.rlim_max ? before->rlim_cur
		                                                   : after.rlim_max;
		setrlimit(limits[i].resource, &after);
	}
	append_outcome(changes, restored, limits[i].name);
}

static void restore_output(size_t i, int before, struct process_changes *changes)
{
	bool is_known, is_same;
	struct stat then, now;

	if (before < 0)
		return;
	is_known = fstat(before, &then) == 0;
	is_same = is_known && fstat(outputs[i].fd, &now) == 0 && is_same_file(&then, &now);
	if (is_known && !is_same)
		append_outcome(changes, dup2(before, outputs[i].fd) >= 0, outputs[i].name);
	close(before);
}

/* ---- all of it ---- */

void process_state_record(struct process_state *state)
{
	const char *locale = setlocale(LC_ALL, NULL);

	*state = (struct process_state){ .thread_locale = uselocale((locale_t)0),
		                         .locale = locale ? strdup(locale) : NULL,
		                         .umask = read_umask() };
	pthread_sigmask(SIG_SETMASK, NULL, &state->signal_mask);
	for (size_t i = 0; i < PROCESS_STATE_SIGNALS; i++)
		sigaction(signal_at(i), NULL, &state->actions[i]);
	for (size_t i = 0; i < PROCESS_STATE_LIMITS; i++)
		getrlimit(limits[i].resource, &state->limits[i]);
	for (size_t i = 0; i < PROCESS_STATE_OUTPUTS; i++)
		state->outputs[i] = copy_descriptor(outputs[i].fd);
	state->folder = open_folder();
}

void process_state_restore(struct process_state *state, struct process_changes *changes_out)
{
	*changes_out = (struct process_changes){ .restored = "" };
	for (size_t i = 0; i < PROCESS_STATE_SIGNALS; i++)
		restore_action(i, &state->actions[i], changes_out);
	restore_mask(&state->signal_mask, changes_out);
	for (size_t i = 0; i < PROCESS_STATE_LIMITS; i++) /* before a file is opened below */
		restore_limit(i, &state->limits[i], changes_out);
	restore_locale(state, changes_out);
	restore_umask(state->umask, changes_out);
	restore_folder(state->folder, changes_out);
	for (size_t i = 0; i < PROCESS_STATE_OUTPUTS; i++)
		restore_output(i, state->outputs[i], changes_out);
}
