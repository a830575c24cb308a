#include "plugin/visit.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log/log.h"
#include "stderr_file.h"
#include "suite.h"
#include "thread/guest.h"

START_TEST(a_plugin_that_changes_nothing_is_not_named)
{
	struct visit visit;

	stderr_file_begin();
	visit_begin(&visit, "staff", "create");
	ck_assert_str_eq(guest_current(), "staff");
	visit_end(&visit);
	ck_assert_ptr_null(guest_current());
	ck_assert_uint_eq(stderr_file_lines(), 0);
}
END_TEST

START_TEST(one_line_names_all_changes)
{
	mode_t before = umask(022);
	struct visit visit;

	stderr_file_begin();
	visit_begin(&visit, "staff", "create");
	umask(077);
	signal(SIGHUP, SIG_IGN);
	visit_end(&visit);
	ck_assert_uint_eq(stderr_file_lines(), 1);
	stderr_file_expect(
		" warn  plugin changed the state of the process plugin=staff call=create "
		"restored=\"HUP handler, umask\"\n");
	ck_assert_uint_eq(umask(before), 022);
}
END_TEST

START_TEST(the_line_reaches_the_reader_whom_the_plugin_cut_off)
{
	struct visit visit;

	stderr_file_begin();
	visit_begin(&visit, "staff", "load");
	close(STDERR_FILENO);
	visit_end(&visit);
	stderr_file_expect("plugin=staff call=load restored=\"standard error\"\n");
}
END_TEST

/* In a child process, which ends. The first free descriptor is the one that the visit opens. */
START_TEST(a_plugin_that_closes_our_descriptors_ends_the_process)
{
	struct visit visit;
	int status;
	pid_t child;

	stderr_file_begin();
	child = fork();
	if (child == 0) {
		visit_begin(&visit, "staff", "create");
		for (int fd = 0; fd < 100; fd++)
			close(fd);
		visit_end(&visit);
		_exit(7);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), EXIT_FAILURE);
	stderr_file_expect(
		" error plugin closed descriptors of the process plugin=staff call=create\n");
}
END_TEST

static void leave(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)info;
	(void)context;
	_exit(1);
}

START_TEST(a_runtime_is_named_for_debugging_only)
{
	struct sigaction action = { .sa_sigaction = leave, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	struct visit visit;

	stderr_file_begin();
	log_set_level(LOG_DEBUG);
	visit_begin(&visit, "staff", "load");
	sigaction(SIGFPE, &action, NULL);
	visit_end(&visit);
	ck_assert_uint_eq(stderr_file_lines(), 1);
	stderr_file_expect(" debug plugin installed the handlers of a language runtime "
	                   "plugin=staff call=load handlers=\"FPE handler\"\n");
}
END_TEST

START_TEST(visits_may_be_nested)
{
	struct visit outer, inner;

	stderr_file_begin();
	visit_begin(&outer, "outer", "create");
	visit_begin(&inner, "inner", "destroy");
	signal(SIGTERM, SIG_IGN);
	visit_end(&inner);
	ck_assert_str_eq(guest_current(), "outer");
	visit_end(&outer);
	ck_assert_uint_eq(stderr_file_lines(), 1);
	stderr_file_expect("plugin=inner call=destroy restored=\"TERM handler\"\n");
}
END_TEST

SUITE("visit", a_plugin_that_closes_our_descriptors_ends_the_process,
      a_plugin_that_changes_nothing_is_not_named, one_line_names_all_changes,
      the_line_reaches_the_reader_whom_the_plugin_cut_off, a_runtime_is_named_for_debugging_only,
      visits_may_be_nested)
