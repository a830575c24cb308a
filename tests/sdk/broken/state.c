/* Changes of the state of the process. */
#include "broken.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#ifdef CASE_blocks_all_signals
ON_CREATE()
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	return SPORE_OK;
}
#endif

#if defined(CASE_catches_ends) || defined(CASE_catches_faults)
static void catch (int number)
{
}
#endif

#ifdef CASE_catches_ends
ON_CREATE()
{
	signal(SIGTERM, catch);
	signal(SIGINT, catch);
	signal(SIGHUP, SIG_DFL);
	return SPORE_OK;
}
#endif

/* A handler that returns would let the faulty instruction run again, for ever. */
#ifdef CASE_catches_faults
ON_CREATE()
{
	signal(SIGSEGV, catch);
	signal(SIGBUS, catch);
	return SPORE_OK;
}

ON_VERIFY()
{
	broken_crash();
	return SPORE_DENY;
}
#endif

#ifdef CASE_wants_sigpipe
ON_CREATE()
{
	signal(SIGPIPE, SIG_DFL);
	return SPORE_OK;
}
#endif

#ifdef CASE_masks_all_modes
ON_CREATE()
{
	umask(0777);
	return SPORE_OK;
}
#endif

#ifdef CASE_leaves_the_folder
ON_CREATE()
{
	return chdir("/") == 0 ? SPORE_OK : SPORE_ESYS;
}
#endif

#ifdef CASE_needs_three_descriptors
ON_CREATE()
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return SPORE_ESYS;
	limit.rlim_cur = 3;
	return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? SPORE_OK : SPORE_ESYS;
}
#endif

#ifdef CASE_closes_the_output
ON_CREATE()
{
	close(STDOUT_FILENO);
	close(STDERR_FILENO);
	return SPORE_OK;
}
#endif

/* The next file that anybody opens becomes the standard output. */
#ifdef CASE_replaces_the_output
ON_CREATE()
{
	close(STDOUT_FILENO);
	return open("/dev/zero", O_RDONLY) >= 0 ? SPORE_OK : SPORE_ESYS;
}
#endif

#ifdef CASE_closes_many_descriptors
ON_CREATE()
{
	for (int fd = 0; fd <= 20; fd++)
		close(fd);
	return SPORE_OK;
}
#endif

#ifdef CASE_writes_to_the_output
ON_CREATE()
{
	puts("noise on standard output");
	fflush(stdout);
	fputs("noise on standard error\n", stderr);
	return SPORE_OK;
}
#endif
