#include "thread/fault.h"

#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "suite.h"

START_TEST(each_signal_is_there_once_under_its_name)
{
	for (size_t i = 0; i < FAULT_SIGNALS; i++) {
		ck_assert_str_eq(fault_signals[i].name, sigabbrev_np(fault_signals[i].number));
		for (size_t k = 0; k < i; k++)
			ck_assert_int_ne(fault_signals[i].number, fault_signals[k].number);
	}
}
END_TEST

START_TEST(only_fault_signals_leave_a_mask)
{
	sigset_t mask;
	int left = 0;

	sigfillset(&mask);
	for (int i = 1; i < NSIG; i++)
		left += sigismember(&mask, i) == 1;
	fault_unblock(&mask);
	for (size_t i = 0; i < FAULT_SIGNALS; i++)
		ck_assert_int_eq(sigismember(&mask, fault_signals[i].number), 0);
	for (int i = 1; i < NSIG; i++)
		left -= sigismember(&mask, i) == 1;
	ck_assert_int_eq(left, FAULT_SIGNALS);
}
END_TEST

static void *check_stack(void *unused)
{
	void *stack;
	stack_t now;

	(void)unused;
	sigaltstack(NULL, &now);
	if (!(now.ss_flags & SS_DISABLE))
		return NULL; /* a sanitizer has set one */
	stack = fault_stack_new();
	ck_assert_ptr_nonnull(stack);
	memset(stack, 1, 1);
	sigaltstack(NULL, &now);
	ck_assert_ptr_eq(now.ss_sp, stack);
	ck_assert_int_eq(now.ss_flags & SS_DISABLE, 0);
	ck_assert_uint_ge(now.ss_size, MINSIGSTKSZ);
	ck_assert_ptr_null(fault_stack_new());
	fault_stack_free(stack);
	sigaltstack(NULL, &now);
	ck_assert_int_ne(now.ss_flags & SS_DISABLE, 0);
	fault_stack_free(NULL);
	return NULL;
}

START_TEST(a_thread_gets_one_stack)
{
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, check_stack, NULL), 0);
	pthread_join(thread, NULL);
}
END_TEST

static void leave(int number)
{
	(void)number;
	_exit(42);
}

static unsigned overflow(volatile unsigned *depth)
{
	volatile char frame[4096];

	if (++*depth == 0) /* never: the compiler wants an end */
		return 0;
	frame[0] = (char)*depth;
	return overflow(depth) + (unsigned)frame[0];
}

static void *use_the_stack_up(void *unused)
{
	struct sigaction action = { .sa_handler = leave, .sa_flags = SA_ONSTACK };
	volatile unsigned depth = 0;

	(void)unused;
	fault_stack_new();
	sigaction(SIGSEGV, &action, NULL);
	overflow(&depth);
	return NULL;
}

START_TEST(its_handler_runs_when_the_own_stack_is_full)
{
	pthread_t thread;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		pthread_create(&thread, NULL, use_the_stack_up, NULL);
		pthread_join(thread, NULL);
		_exit(1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 42);
}
END_TEST

SUITE("fault", each_signal_is_there_once_under_its_name, only_fault_signals_leave_a_mask,
      a_thread_gets_one_stack, its_handler_runs_when_the_own_stack_is_full)
