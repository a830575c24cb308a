#include "thread/thread.h"

#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "thread/fault.h"
#include "thread/guest.h"

struct start {
	void *(*fn)(void *arg);
	void *arg;
	char name[16];
};

/* A handler that the C library calls gets no argument of ours, so this is global. */
static void (*the_stray_end)(void);

void thread_on_stray_end(void (*fn)(void))
{
	the_stray_end = fn;
}

/* Runs only if the thread ends before its function returns. */
static void on_unwound(void *unused)
{
	(void)unused;
	if (the_stray_end)
		the_stray_end();
}

void thread_use_c_locale(void)
{
	uselocale(newlocale(LC_ALL_MASK, "C", (locale_t)0)); /* static: nothing to free */
}

static void *run_thread(void *arg)
{
	struct start start = *(struct start *)arg;
	void *stack = fault_stack_new(), *result;

	free(arg);
	pthread_setname_np(pthread_self(), start.name);
	guest_thread_begin(start.name);
	thread_use_c_locale();
	pthread_cleanup_push(on_unwound, NULL);
	result = start.fn(start.arg);
	pthread_cleanup_pop(0);
	guest_thread_end();
	fault_stack_free(stack);
	return result;
}

int thread_start(pthread_t *thread_out, const char *name, void *(*fn)(void *arg), void *arg)
{
	struct start *start = malloc(sizeof *start);
	sigset_t mask, old;
	int failed;

	if (!start)
		return ENOMEM;
	*start = (struct start){ .fn = fn, .arg = arg };
	snprintf(start->name, sizeof start->name, "%s", name);
	sigfillset(&mask);
	fault_unblock(&mask);
	pthread_sigmask(SIG_SETMASK, &mask, &old);
	failed = pthread_create(thread_out, NULL, run_thread, start);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (failed)
		free(start);
	return failed;
}
