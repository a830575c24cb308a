/* Faults that leave the call in which they happen: threads, processes, stacks, jumps. */
#include "broken.h"

#include <alloca.h>
#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>

/* ---- threads of the plugin ---- */

#ifdef CASE_thread_crashes
static void *crash(void *arg)
{
	broken_crash();
	return NULL;
}

ON_VERIFY()
{
	pthread_t thread;

	pthread_create(&thread, NULL, crash, NULL);
	pthread_join(thread, NULL);
	return SPORE_DENY;
}
#endif

/* No thread of the plugin may take the signals of the process. */
#if defined(CASE_thread_takes_signals) || defined(CASE_thread_outlives_it)
static void *sleep_for_ever(void *arg)
{
	sigset_t none;

	sigemptyset(&none);
	pthread_sigmask(SIG_SETMASK, &none, NULL);
	broken_hang();
	return NULL;
}

ON_CREATE()
{
	pthread_t thread;

	return pthread_create(&thread, NULL, sleep_for_ever, NULL) == 0 &&
	                       pthread_detach(thread) == 0
	               ? SPORE_OK
	               : SPORE_ESYS;
}
#endif

#ifdef CASE_thread_blocks_signals
static void *block(void *arg)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	broken_hang();
	return NULL;
}

ON_CREATE()
{
	pthread_t thread;

	return pthread_create(&thread, NULL, block, NULL) == 0 ? SPORE_OK : SPORE_ESYS;
}
#endif

/* Its thread completes a ticket when the client has long gone. */
#ifdef CASE_thread_completes_late
struct job {
	struct state *state;
	spore_ticket ticket;
};

static void *complete(void *arg)
{
	struct job *job = arg;

	sleep(4);
	BROKEN_LOG(job->state, "late %d",
	           job->state->host->complete_verify(job->ticket, SPORE_ALLOW, NULL));
	free(job);
	return NULL;
}

ON_VERIFY()
{
	struct job *job = malloc(sizeof *job);
	pthread_t thread;

	*job = (struct job){ state, ticket };
	pthread_create(&thread, NULL, complete, job);
	pthread_detach(thread);
	return SPORE_EPENDING;
}
#endif

/* ---- threads of the host ---- */

#ifdef CASE_ends_the_worker
ON_VERIFY()
{
	pthread_exit(NULL);
}
#endif

#ifdef CASE_cancels_the_worker
ON_VERIFY()
{
	pthread_cancel(pthread_self());
	pthread_testcancel();
	return SPORE_DENY;
}
#endif

#ifdef CASE_ends_main
ON_CREATE()
{
	pthread_exit(NULL);
}
#endif

/* ---- processes ---- */

/* Both processes return: the child would serve the connections of its parent. */
#ifdef CASE_forks_and_returns_twice
ON_VERIFY()
{
	if (fork() < 0)
		abort();
	return SPORE_DENY;
}
#endif

#ifdef CASE_forks_in_create
ON_CREATE()
{
	return fork() < 0 ? SPORE_ESYS : SPORE_OK;
}
#endif

#ifdef CASE_unloads_itself
ON_VERIFY()
{
	Dl_info info;
	void *handle;

	dladdr(&broken_component, &info);
	handle = dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD);
	for (int i = 0; handle && i < 10; i++)
		dlclose(handle);
	BROKEN_LOG(state, "still there");
	return SPORE_DENY;
}
#endif

/* ---- stacks and jumps ---- */

#ifdef CASE_recurses_for_ever
static volatile int depth_is_enough;

static int recurse(int n)
{
	volatile char big[4096];

	big[0] = (char)n;
	return depth_is_enough ? 0 : recurse(n + 1) + big[0];
}

ON_VERIFY()
{
	return recurse(0);
}
#endif

/* Jumps over the guard page below the stack. */
#ifdef CASE_allocates_on_the_stack
ON_VERIFY()
{
	size_t size = (size_t)1 << 40;
	volatile char *big = alloca(size);

	big[0] = 1;
	return SPORE_DENY;
}
#endif

/* The frame to which it jumps ended when worker_start() returned. */
#ifdef CASE_jumps_out
static jmp_buf frame;

ON_WORKER_START()
{
	if (setjmp(frame))
		abort();
	return SPORE_OK;
}

ON_VERIFY()
{
	longjmp(frame, 1);
}
#endif

#ifdef CASE_crashes
ON_VERIFY()
{
	broken_crash();
	return SPORE_DENY;
}
#endif

#ifdef CASE_aborts
ON_VERIFY()
{
	abort();
}
#endif

#ifdef CASE_exits
ON_VERIFY()
{
	exit(0);
}
#endif

#ifdef CASE_hangs
ON_VERIFY()
{
	broken_hang();
	return SPORE_DENY;
}
#endif

#ifdef CASE_spins
ON_VERIFY()
{
	for (volatile unsigned n = 0;; n++)
		;
	return SPORE_DENY;
}
#endif

#ifdef CASE_is_slow
ON_VERIFY()
{
	usleep(300000);
	return SPORE_DENY;
}
#endif

/* ---- memory of the host ---- */

#ifdef CASE_frees_the_request
ON_VERIFY()
{
	free((void *)(uintptr_t)rq);
	return SPORE_DENY;
}
#endif

#ifdef CASE_frees_its_options
ON_VERIFY()
{
	free((void *)(uintptr_t)state->broken->conf->text);
	return SPORE_DENY;
}
#endif

#ifdef CASE_writes_to_the_hosts_table
ON_VERIFY()
{
	((spore_host *)(uintptr_t)state->host)->complete_verify = NULL;
	return SPORE_DENY;
}
#endif

/* ---- locks ---- */

/* The host must not need the locks of these streams. */
#ifdef CASE_keeps_the_locks_of_stdio
ON_VERIFY()
{
	flockfile(stdout);
	flockfile(stderr);
	return SPORE_DENY;
}
#endif
