#include "commands/hand_over.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "admin/admin_socket.h"
#include "commands/ctl_ask.h"
#include "config/settings.h"
#include "log/log.h"
#include "json/reply.h"

enum { PAUSE_MS = 50, ANSWER_MS = 5000, END_MS = 10000 };

/* The server that drains. */
struct giver {
	pid_t pid;   /* 0: unknown, for example since it is in another container */
	int process; /* a descriptor that becomes readable at its end; -1: not open */
};

enum step { STEP_NOBODY, STEP_REFUSED, STEP_NOT_YET, STEP_DONE };

/* Opens the process at the other end of the connection, unless it is open already. */
static void open_process(struct giver *giver, int fd)
{
	struct ucred who = { 0 };
	socklen_t len = sizeof who;

	if (giver->process >= 0)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0 || who.pid <= 0)
		return;
	giver->pid = who.pid;
	giver->process = (int)syscall(SYS_pidfd_open, who.pid, 0);
}

static enum step read_step(const char *answer, size_t len)
{
	struct json *root;
	const struct json *done;
	enum step step = STEP_REFUSED;

	if (reply_parse(answer, len, &root, NULL, 0) != SPORE_OK)
		return step;
	done = json_get(root, "handed_over");
	if (done)
		step = done->boolean ? STEP_DONE : STEP_NOT_YET;
	reply_free(root);
	return step;
}

static enum step ask(struct giver *giver, const char *path)
{
	struct err unused;
	int fd = ctl_connect(path, &unused);
	enum step step = STEP_NOBODY;
	char *answer;
	size_t len;

	if (fd < 0)
		return step;
	open_process(giver, fd);
	answer = ctl_ask_on(fd, path, "hand-over\n", ANSWER_MS, &len, &unused);
	if (answer)
		step = read_step(answer, len);
	free(answer);
	close(fd);
	return step;
}

/* A server that ends closes its admin socket before its other sockets. */
static void await_end(const struct giver *giver)
{
	struct pollfd end = { giver->process, POLLIN, 0 };

	if (giver->process >= 0)
		poll(&end, 1, END_MS);
}

bool hand_over_await(const struct admin_settings *settings, struct err *err)
{
	const char *path = settings->socket;
	struct giver giver = { 0, -1 };
	enum step step;

	if (!path || !*path)
		return true;
	step = ask(&giver, path);
	if (step == STEP_NOT_YET)
		log_info("waiting for the server that drains to hand over",
		         log_str("admin_socket", path), log_int("pid", giver.pid));
	for (; step == STEP_NOT_YET; step = ask(&giver, path))
		poll(NULL, 0, PAUSE_MS);
	if (step == STEP_NOBODY)
		await_end(&giver);
	if (giver.process >= 0)
		close(giver.process);
	if (step == STEP_REFUSED)
		err_set(err, "cannot create the admin socket %s: %s", path, ADMIN_SOCKET_TAKEN);
	return step != STEP_REFUSED;
}
