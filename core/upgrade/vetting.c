#include "upgrade/vetting.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop/loop.h"
#include "upgrade/greeting.h"
#include "upgrade/protocol.h"

/* ---- what it prints ---- */

static void close_pipe(struct vetting *vetting)
{
	if (vetting->fd < 0)
		return;
	ev_io_stop(loop_ev(vetting->child.loop), &vetting->io);
	close(vetting->fd);
	vetting->fd = -1;
}

/* What does not fit is read and dropped. */
static void read_some(struct vetting *vetting)
{
	char rest[512];

	for (;;) {
		size_t room = VETTING_TEXT_MOST - vetting->len;
		ssize_t n = read(vetting->fd, room > 0 ? vetting->text + vetting->len : rest,
		                 room > 0 ? room : sizeof rest);

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0 || (n < 0 && errno != EAGAIN))
			close_pipe(vetting);
		if (n <= 0)
			return;
		if (room > 0)
			vetting->len += (size_t)n;
	}
}

static void on_output(struct ev_loop *ev, ev_io *io, int events)
{
	(void)ev;
	(void)events;
	read_some(io->data);
}

/* The first line with an error, in the text or JSON form of the log, or else the last line. Cuts
 * the text. */
static const char *find_reason(char *text)
{
	const char *last = "";
	char *rest = text, *line;

	while ((line = strsep(&rest, "\n"))) {
		if (strncmp(line, "error: ", strlen("error: ")) == 0)
			return line + strlen("error: ");
		if (strstr(line, ": error: ") || strstr(line, "\"level\":\"error\""))
			return line;
		if (*line)
			last = line;
	}
	return last;
}

/* ---- the end ---- */

static void describe_end(const struct vetting *vetting, int status, char *text, size_t size)
{
	if (vetting->is_late)
		snprintf(text, size, "has not ended within %lld s",
		         (long long)vetting->limit_ms / 1000);
	else if (WIFEXITED(status))
		snprintf(text, size, "has ended with status %d", WEXITSTATUS(status));
	else
		snprintf(text, size, "was ended by signal %d", WTERMSIG(status));
}

/* Stops all watchers. */
static void close_all(struct vetting *vetting)
{
	close_pipe(vetting);
	channel_close(&vetting->channel);
	ev_timer_stop(loop_ev(vetting->child.loop), &vetting->limit);
}

static void on_program_end(void *arg, int status)
{
	struct vetting *vetting = arg;
	bool is_good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	char why[VETTING_TEXT_MOST + sizeof vetting->greeting.text], how[60];
	const char *reason;

	if (vetting->fd >= 0)
		read_some(vetting);
	channel_catch_up(&vetting->channel);
	close_all(vetting);
	vetting->text[vetting->len] = '\0';
	reason = find_reason(vetting->text);
	describe_end(vetting, status, how, sizeof how);
	if (!vetting->has_greeted)
		snprintf(why, sizeof why,
		         "expected a spore that can take the place of a server, but `%.300s server "
		         "... --check` has not said that it is one, and %s%s%s",
		         vetting->path, how, *reason ? ": " : "", reason);
	else if (*vetting->greeting.text)
		snprintf(why, sizeof why, "%s", vetting->greeting.text);
	else
		snprintf(why, sizeof why, "its check %s%s%s", how, *reason ? ": " : "", reason);
	is_good = is_good && vetting->has_greeted && !*vetting->greeting.text;
	vetting->on_end(vetting->arg, is_good ? NULL : why);
}

static void on_late(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct vetting *vetting = timer->data;

	(void)ev;
	(void)events;
	vetting->is_late = true;
	child_kill(&vetting->child);
}

/* ---- its greeting ---- */

static void set_limit(struct vetting *vetting, int64_t limit_ms)
{
	struct ev_loop *ev = loop_ev(vetting->child.loop);

	vetting->limit_ms = limit_ms;
	ev_now_update(ev);
	ev_timer_stop(ev, &vetting->limit);
	ev_timer_set(&vetting->limit, (double)limit_ms / 1000.0, 0.0);
	ev_timer_start(ev, &vetting->limit);
}

static void on_message(void *arg, const struct json *message)
{
	struct vetting *vetting = arg;
	char version[GREETING_VERSION_SIZE];

	if (vetting->has_greeted || !greeting_is_one(message))
		return;
	vetting->has_greeted = true;
	if (greeting_read(message, version, &vetting->greeting))
		*vetting->greeting.text = '\0';
	if (!vetting->is_late)
		set_limit(vetting, vetting->check_ms);
}

/* The checked program greets no more, but its process goes on. */
static void on_channel_end(void *arg)
{
	(void)arg;
}

/* ---- the start ---- */

/* Runs the program, with the other ends of the pipe and the channel, which are closed here. */
static bool run_program(struct vetting *vetting, struct loop *loop, char *const *argv,
                        int complaints, int channel, struct err *err)
{
	static char variable[] = PROTOCOL_CHECK_VARIABLE "=" PROTOCOL_FD_TEXT;
	char **environment = child_environment(variable);
	struct child_plan plan = { vetting->path, argv, environment, channel, complaints };
	bool runs = false;

	err_set(err, "out of memory");
	vetting->child.on_end = on_program_end;
	vetting->child.arg = vetting;
	if (environment)
		runs = child_start(&vetting->child, loop, &plan, err);
	free(environment);
	close(complaints);
	close(channel);
	return runs;
}

/* Takes our ends. */
static void start_watching(struct vetting *vetting, struct loop *loop, int complaints, int channel)
{
	vetting->fd = complaints;
	ev_io_init(&vetting->io, on_output, complaints, EV_READ);
	vetting->io.data = vetting;
	ev_io_start(loop_ev(loop), &vetting->io);
	vetting->channel.on_message = on_message;
	vetting->channel.on_end = on_channel_end;
	vetting->channel.arg = vetting;
	channel_open(&vetting->channel, loop, channel);
	ev_init(&vetting->limit, on_late);
	vetting->limit.data = vetting;
}

static bool make_ends(int pipes[2], int ends[2], struct err *err)
{
	if (pipe2(pipes, O_CLOEXEC | O_NONBLOCK) < 0) {
		err_set_call(err, "pipe2", errno);
		return false;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
		err_set_call(err, "socketpair", errno);
		close(pipes[0]);
		close(pipes[1]);
		return false;
	}
	fcntl(pipes[1], F_SETFL, 0); /* only our end does not block */
	return true;
}

bool vetting_start(struct vetting *vetting, struct loop *loop, const char *path, char *const *argv,
                   int64_t limit_ms, struct err *err)
{
	int pipes[2], ends[2];

	vetting->path = path;
	vetting->fd = vetting->channel.fd = -1;
	vetting->len = 0;
	vetting->is_late = vetting->has_greeted = false;
	vetting->greeting = (struct err){ "" };
	vetting->check_ms = limit_ms;
	if (!make_ends(pipes, ends, err))
		return false;
	if (!run_program(vetting, loop, argv, pipes[1], ends[1], err)) {
		close(pipes[0]);
		close(ends[0]);
		return false;
	}
	start_watching(vetting, loop, pipes[0], ends[0]);
	set_limit(vetting, limit_ms < VETTING_GREETING_MS ? limit_ms : VETTING_GREETING_MS);
	return true;
}

void vetting_stop(struct vetting *vetting)
{
	if (!vetting->child.pid)
		return;
	child_kill(&vetting->child);
	child_leave(&vetting->child);
	close_all(vetting);
}
