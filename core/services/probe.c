#include "services/probe.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "plugin/loader.h"
#include "services/host.h"

/* SURVIVED: an exit status that a plugin's own exit() is unlikely to have. */
enum { SURVIVED = 89, PATIENCE_MS = 10000, POLL_MS = 2 };

static void load_silently(const char *path, const char *pin)
{
	struct loader loader = { .get_extension = host_get_extension };
	int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct err unused;

	dup2(nowhere, STDOUT_FILENO);
	dup2(nowhere, STDERR_FILENO);
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	loader_load(&loader, path, pin, &unused);
}

/* False: the child took too long and was killed. */
static bool wait_for_child(pid_t child, int *status_out)
{
	int64_t until_ms = clock_ms() + PATIENCE_MS;
	pid_t ended;

	while ((ended = waitpid(child, status_out, WNOHANG)) == 0 && clock_ms() < until_ms)
		nanosleep(&(struct timespec){ 0, POLL_MS * 1000000L }, NULL);
	if (ended != 0)
		return true;
	kill(child, SIGKILL);
	waitpid(child, status_out, 0);
	return false;
}

bool probe_load(const char *path, const char *pin, struct err *err)
{
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		load_silently(path, pin);
		_exit(SURVIVED);
	}
	if (child < 0)
		err_set(err, "cannot start a process to test it");
	else if (!wait_for_child(child, &status))
		err_set(err, "loading it takes more than %d seconds", PATIENCE_MS / 1000);
	else if (WIFSIGNALED(status))
		err_set(err, "loading it kills the process with signal %d (%s)", WTERMSIG(status),
		        strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) != SURVIVED)
		err_set(err, "loading it ends the process with status %d", WEXITSTATUS(status));
	else
		return true;
	err_prefix(err, "plugin %s refused", path);
	return false;
}
