#include "thread/thread.h"

#include <signal.h>
#include <string.h>

#include "suite.h"
#include "thread/guest.h"

struct report {
	char name[16];
	sigset_t blocked;
	stack_t stack;
	int touched;
};

static void *look_around(void *arg)
{
	struct report *report = arg;

	pthread_getname_np(pthread_self(), report->name, sizeof report->name);
	pthread_sigmask(SIG_SETMASK, NULL, &report->blocked);
	sigaltstack(NULL, &report->stack);
	ck_assert_str_eq(guest_thread(), report->name);
	report->touched++;
	return report;
}

START_TEST(a_thread_has_a_name_and_a_stack_for_faults)
{
	struct report report = { .name = "" };
	pthread_t thread;
	void *result;

	ck_assert_int_eq(thread_start(&thread, "a name that is too long", look_around, &report), 0);
	pthread_join(thread, &result);
	ck_assert_ptr_eq(result, &report);
	ck_assert_int_eq(report.touched, 1);
	ck_assert_str_eq(report.name, "a name that is ");
	ck_assert_int_eq(report.stack.ss_flags & SS_DISABLE, 0);
}
END_TEST

START_TEST(signals_are_mains_business_but_faults_its_own)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT };
	struct report report = { .name = "" };
	sigset_t before, after;
	pthread_t thread;

	pthread_sigmask(SIG_SETMASK, NULL, &before);
	ck_assert_int_eq(thread_start(&thread, "x", look_around, &report), 0);
	pthread_join(thread, NULL);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	ck_assert_int_eq(sigismember(&report.blocked, SIGTERM), 1);
	ck_assert_int_eq(sigismember(&report.blocked, SIGUSR1), 1);
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		ck_assert_int_eq(sigismember(&report.blocked, faults[i]), 0);
	ck_assert_int_eq(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
}
END_TEST

SUITE("thread", a_thread_has_a_name_and_a_stack_for_faults,
      signals_are_mains_business_but_faults_its_own)
