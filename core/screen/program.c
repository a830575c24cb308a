#include "screen/program.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "version.h"

bool program_find(char path_out[PROGRAM_PATH_SIZE])
{
	/* The installed one is beside the folder of the plugins. */
	static const char *const places[] = { "spore-screen",
		                              SPORE_PLUGINS_FROM_BIN "/../spore-screen" };
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
	char *slash;

	if (n <= 0)
		return false;
	exe[n] = '\0';
	slash = strrchr(exe, '/');
	*slash = '\0';
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		snprintf(path_out, PROGRAM_PATH_SIZE, "%s/%s", exe, places[i]);
		if (access(path_out, X_OK) == 0)
			return true;
	}
	return false;
}

/* A dynamic linker that misses a library would say so on standard error. */
bool program_can_show(const char *path)
{
	char *const argv[] = { (char *)path, "probe", NULL };
	posix_spawn_file_actions_t actions;
	int status = -1;
	pid_t pid;

	if (posix_spawn_file_actions_init(&actions))
		return false;
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (posix_spawn(&pid, path, &actions, NULL, argv, environ) == 0)
		waitpid(pid, &status, 0);
	posix_spawn_file_actions_destroy(&actions);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool program_has_terminal(void)
{
	const char *term = getenv("TERM");

	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && isatty(STDERR_FILENO) && term &&
	       *term && strcmp(term, "dumb") != 0 && tcgetpgrp(STDOUT_FILENO) == getpgrp();
}
