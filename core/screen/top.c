#include "screen/top.h"

#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include "admin/admin_socket.h"
#include "arguments/arguments.h"
#include "arguments/exit_status.h"
#include "screen/program.h"

struct request {
	const char *socket;
};

static const struct argument_flag flags[] = {
	{ .name = "--socket",
	  .letter = 's',
	  .type = ARGUMENT_TEXT,
	  .offset = offsetof(struct request, socket),
	  .metavar = "PATH",
	  .variable = "SPORE_ADMIN_SOCKET",
	  .dflt = ADMIN_SOCKET_DEFAULT,
	  .doc = "the --admin-socket of the server or the client" },
};

const struct argument_table top_arguments = {
	.command = "top",
	.summary = "Shows a server or a client that runs on this machine, once a second.",
	.remarks = "Keys: q quits, s changes the order of the tunnels, the arrows scroll. Without "
		   "a terminal, use `spore ctl tunnels`.",
	.flags = flags,
	.n_flags = sizeof flags / sizeof *flags,
};

static int fail(const char *why)
{
	fprintf(stderr, "error: %s: `spore ctl tunnels` prints the tunnels once\n", why);
	return EXIT_FAILED;
}

int top_run(int argc, char **argv)
{
	struct request request = { 0 };
	char path[PROGRAM_PATH_SIZE];
	int status;

	(void)argc;
	if (!arguments_read(&top_arguments, argv, &request, &status))
		return status;
	if (!program_has_terminal())
		return fail("spore top needs a terminal");
	if (!program_find(path))
		return fail("spore-screen is not installed");
	if (!program_can_show(path))
		return fail("spore-screen does not know this terminal or cannot run");
	execv(path, (char *const[]){ path, "top", (char *)request.socket, NULL });
	return fail("spore-screen cannot run");
}
