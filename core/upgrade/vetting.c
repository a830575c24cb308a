#include "upgrade/vetting.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop/loop.h"

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

static void on_program_end(void *arg, int status)
{
	struct vetting *vetting = arg;
	bool is_good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	char why[VETTING_TEXT_MOST + 100], how[60];
	const char *reason;

	if (vetting->fd >= 0)
		read_some(vetting);
	close_pipe(vetting);
	ev_timer_stop(loop_ev(vetting->child.loop), &vetting->limit);
	vetting->text[vetting->len] = '\0';
	reason = find_reason(vetting->text);
	if (vetting->is_late)
		snprintf(how, sizeof how, "its check has not ended within %lld s",
		         (long long)vetting->limit_ms / 1000);
	else if (WIFEXITED(status))
		snprintf(how, sizeof how, "its check has ended with status %d",
		         WEXITSTATUS(status));
	else
		snprintf(how, sizeof how, "its check was ended by signal %d", WTERMSIG(status));
	snprintf(why, sizeof why, "%s%s%s", how, *reason ? ": " : "", reason);
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

/* ---- the start ---- */

bool vetting_start(struct vetting *vetting, struct loop *loop, const char *path, char *const *argv,
                   int64_t limit_ms, struct err *err)
{
	int pipes[2] = { -1, -1 };
	char **environment = child_environment(NULL);
	struct child_plan plan = { path, argv, environment, -1, -1 };
	bool started = false;

	err_set(err, "out of memory");
	vetting->child.on_end = on_program_end;
	vetting->child.arg = vetting;
	vetting->fd = -1;
	vetting->len = 0;
	vetting->is_late = false;
	vetting->limit_ms = limit_ms;
	if (environment && pipe2(pipes, O_CLOEXEC | O_NONBLOCK) < 0) {
		err_set_call(err, "pipe2", errno);
	} else if (environment) {
		/* Only our end does not block. */
		fcntl(pipes[1], F_SETFL, 0);
		plan.complaints = pipes[1];
		started = child_start(&vetting->child, loop, &plan, err);
		close(pipes[1]);
	}
	free(environment);
	if (!started) {
		if (pipes[0] >= 0)
			close(pipes[0]);
		return false;
	}
	vetting->fd = pipes[0];
	ev_io_init(&vetting->io, on_output, vetting->fd, EV_READ);
	vetting->io.data = vetting;
	ev_io_start(loop_ev(loop), &vetting->io);
	ev_timer_init(&vetting->limit, on_late, (double)limit_ms / 1000.0, 0.0);
	vetting->limit.data = vetting;
	ev_timer_start(loop_ev(loop), &vetting->limit);
	return true;
}

void vetting_stop(struct vetting *vetting)
{
	if (!vetting->child.pid)
		return;
	child_kill(&vetting->child);
	child_leave(&vetting->child);
	close_pipe(vetting);
	ev_timer_stop(loop_ev(vetting->child.loop), &vetting->limit);
}
