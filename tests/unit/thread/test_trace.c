#include "thread/trace.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

static struct trace trace;

static void on_signal(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)info;
	trace_take(context, &trace);
}

static int compare(const void *a, const void *b)
{
	(void)a;
	(void)b;
	raise(SIGUSR1);
	return 0;
}

/* The signal interrupts libc in compare() in libc in a test. */
static void interrupt(void)
{
	struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
	int numbers[] = { 1, 2 };

	trace_prime();
	ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
	qsort(numbers, 2, sizeof *numbers, compare);
}

START_TEST(the_innermost_object_is_the_plugin)
{
	const struct code *code;
	uintptr_t address = 0;

	interrupt();
	ck_assert_uint_gt(trace.n, 2);
	ck_assert_ptr_null(trace_plugin(&trace, &address));
	ck_assert(code_add("/a/program.so", "1.2.3", (const void *)(uintptr_t)compare));
	code = trace_plugin(&trace, &address);
	ck_assert_ptr_nonnull(code);
	ck_assert_str_eq(code->version, "1.2.3");
	ck_assert_uint_ge(address, (uintptr_t)compare);
	ck_assert_uint_lt(address, (uintptr_t)compare + 4096);
	ck_assert(code_add("libc", NULL, dlsym(RTLD_DEFAULT, "getpid")));
	ck_assert_str_eq(trace_plugin(&trace, NULL)->name, "libc");
}
END_TEST

START_TEST(frames_are_places_in_files)
{
	char text[TRACE_TEXT], place[TRACE_PLACE];
	unsigned spaces = 0;

	interrupt();
	trace_format(&trace, text);
	for (const char *at = text; *at; at++)
		spaces += *at == ' ';
	ck_assert_uint_eq(spaces, (trace.n < 8 ? trace.n : 8) - 1);
	ck_assert_ptr_nonnull(strstr(text, "libc.so.6+0x"));
	ck_assert_ptr_nonnull(strstr(text, "test_thread_trace+0x"));
	ck_assert(code_add("/a/program.so", NULL, (const void *)(uintptr_t)compare));
	trace_place((uintptr_t)compare, place);
	ck_assert_int_eq(strncmp(place, "program.so+0x", 13), 0);
	ck_assert_uint_eq(strtoull(place + 11, NULL, 16),
	                  (uintptr_t)compare - code_at((const void *)(uintptr_t)compare)->base);
	trace_place(16, place);
	ck_assert_str_eq(place, "0x10");
	trace_place(UINTPTR_MAX, place);
	ck_assert_str_eq(place, "0xffffffffffffffff");
}
END_TEST

SUITE("trace", the_innermost_object_is_the_plugin, frames_are_places_in_files)
