#include "thread/thread.h"

#include <locale.h>
#include <signal.h>
#include <string.h>

#include "suite.h"
#include "thread/guest.h"

struct report {
	char name[16];
	sigset_t blocked;
	stack_t stack;
	locale_t locale;
	int touched;
};

static void *look_around(void *arg)
{
	struct report *report = arg;

	pthread_getname_np(pthread_self(), report->name, sizeof report->name);
	pthread_sigmask(SIG_SETMASK, NULL, &report->blocked);
	sigaltstack(NULL, &report->stack);
	report->locale = uselocale((locale_t)0);
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

START_TEST(a_thread_is_in_the_c_locale_whatever_the_process_is_in)
{
	locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	struct report report = { .name = "" };
	pthread_t thread;

	ck_assert_ptr_nonnull(setlocale(LC_ALL, "C.UTF-8"));
	ck_assert_int_eq(thread_start(&thread, "x", look_around, &report), 0);
	pthread_join(thread, NULL);
	ck_assert_ptr_eq(report.locale, c);
	ck_assert_ptr_eq(uselocale((locale_t)0), LC_GLOBAL_LOCALE);
	ck_assert_uint_gt(MB_CUR_MAX, 1);
	thread_use_c_locale();
	ck_assert_uint_eq(MB_CUR_MAX, 1);
}
END_TEST

SUITE("thread", a_thread_has_a_name_and_a_stack_for_faults,
      signals_are_mains_business_but_faults_its_own,
      a_thread_is_in_the_c_locale_whatever_the_process_is_in)
