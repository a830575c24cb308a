/* suite - the main() of a test program: one suite, one case, each test in a process of its own.
 *
 * A process for each test keeps what is the process's own (the log, the tickets, descriptor 2,
 * limits, the environment) from leaking into the next one, and bounds a test that hangs. */
#ifndef UNIT_SUITE_H
#define UNIT_SUITE_H

#include <check.h>
#include <signal.h>
#include <stdlib.h>

enum { SUITE_TIMEOUT_S = 55 };

static inline int suite_run(const char *name, const TTest *const *tests, size_t n)
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);
	SRunner *runner;
	int failed;

	signal(SIGPIPE, SIG_IGN);
	tcase_set_timeout(tcase, SUITE_TIMEOUT_S);
	for (size_t i = 0; i < n; i++)
		tcase_add_test(tcase, tests[i]);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#define SUITE(name, ...)                                                                           \
	int main(void)                                                                             \
	{                                                                                          \
		const TTest *const tests[] = { __VA_ARGS__ };                                      \
                                                                                                   \
		return suite_run((name), tests, sizeof tests / sizeof *tests);                     \
	}

#endif
