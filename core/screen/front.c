#include "screen/front.h"

#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 4, NAME_SIZE = sizeof((struct sockaddr_un *)0)->sun_path + 1 };

/* A socket without a file, whose name the kernel chooses. Whoever connects is asked for the user.
 * name_out: begins with '@' in place of NUL. */
static int open_socket(char name_out[NAME_SIZE])
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	socklen_t len = sizeof addr;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	size_t n;

	if (fd < 0)
		return -1;
	if (bind(fd, (const struct sockaddr *)&addr, sizeof addr.sun_family) < 0 ||
	    listen(fd, BACKLOG) < 0 || getsockname(fd, (struct sockaddr *)&addr, &len) < 0) {
		close(fd);
		return -1;
	}
	n = len - offsetof(struct sockaddr_un, sun_path);
	memcpy(name_out, addr.sun_path, n);
	name_out[0] = '@';
	name_out[n] = '\0';
	return fd;
}

/* In the parent: does not return. */
static void become_screen(const char *path, const char *name, int log_fd, pid_t client)
{
	char fd_text[16], pid_text[16];
	char *const argv[] = { (char *)path, "local", (char *)name, fd_text, pid_text, NULL };

	snprintf(fd_text, sizeof fd_text, "%d", log_fd);
	snprintf(pid_text, sizeof pid_text, "%d", (int)client);
	fcntl(log_fd, F_SETFD, 0);
	execv(path, argv);
	kill(client, SIGTERM); /* it could run a moment ago */
	_exit(1);
}

/* In the child: it ends when the screen is gone. */
static void become_client(int log_fd, pid_t screen)
{
	dup2(log_fd, STDOUT_FILENO);
	dup2(log_fd, STDERR_FILENO);
	close(log_fd);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != screen)
		kill(getpid(), SIGTERM);
}

bool front_find(char path_out[PROGRAM_PATH_SIZE], const char **hint_out)
{
	*hint_out = NULL;
	if (!program_has_terminal())
		return false;
	if (!program_find(path_out))
		*hint_out = "spore-screen is not installed: lines are printed instead (--plain "
			    "leaves out this one)";
	else if (!program_can_show(path_out))
		*hint_out = "spore-screen does not know this terminal or cannot run: lines are "
			    "printed instead (--plain leaves out this one)";
	return *hint_out == NULL;
}

int front_begin(const char *path)
{
	char name[NAME_SIZE];
	pid_t screen = getpid(), client;
	int pipe_fds[2], socket_fd = open_socket(name);

	if (socket_fd < 0)
		return -1;
	if (pipe2(pipe_fds, O_CLOEXEC) < 0) {
		close(socket_fd);
		return -1;
	}
	client = fork();
	if (client > 0)
		become_screen(path, name, pipe_fds[0], client);
	close(pipe_fds[0]);
	if (client == 0) {
		become_client(pipe_fds[1], screen);
		return socket_fd;
	}
	close(pipe_fds[1]);
	close(socket_fd);
	return -1;
}
