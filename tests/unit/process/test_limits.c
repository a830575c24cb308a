#include "process/limits.h"

#include <ev.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "few_descriptors.h"
#include "stderr_file.h"
#include "suite.h"
#include "json/parse.h"

static struct rlimit get_limit(int resource)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit((__rlimit_resource_t)resource, &limit), 0);
	return limit;
}

static void set_descriptors(rlim_t soft)
{
	struct rlimit limit = get_limit(RLIMIT_NOFILE);

	limit.rlim_cur = soft;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

START_TEST(no_core_is_written)
{
	limits_forbid_core();
	ck_assert_uint_eq(get_limit(RLIMIT_CORE).rlim_cur, 0);
	ck_assert_uint_eq(get_limit(RLIMIT_CORE).rlim_max, 0);
}
END_TEST

START_TEST(the_process_is_set_up)
{
	struct sigaction action;

	signal(SIGPIPE, SIG_DFL);
	set_descriptors(64);
	limits_set_up_process();
	ck_assert_uint_eq(get_limit(RLIMIT_NOFILE).rlim_cur, get_limit(RLIMIT_NOFILE).rlim_max);
	sigaction(SIGPIPE, NULL, &action);
	ck_assert(action.sa_handler == SIG_IGN);
	sigaction(SIGSEGV, NULL, &action);
	ck_assert(action.sa_handler != SIG_DFL);
}
END_TEST

/* The size of the kernel's table of descriptors. */
static unsigned descriptor_table(void)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[256];
	unsigned size = 0;

	ck_assert_ptr_nonnull(file);
	while (!size && fgets(line, sizeof line, file))
		(void)sscanf(line, "FDSize: %u", &size);
	fclose(file);
	return size;
}

START_TEST(the_table_of_descriptors_need_not_grow)
{
	rlim_t most = get_limit(RLIMIT_NOFILE).rlim_max;

	ck_assert_uint_lt(descriptor_table(), 1024);
	limits_set_up_process();
	ck_assert_uint_ge(descriptor_table(), most < 65536 ? most : 65536);
}
END_TEST

START_TEST(as_many_workers_as_asked_for)
{
	set_descriptors(1024);
	ck_assert_uint_eq(limits_choose_workers(1), 1);
	ck_assert_uint_eq(limits_choose_workers(7), 7);
}
END_TEST

START_TEST(by_default_one_worker_a_cpu)
{
	cpu_set_t one;

	set_descriptors(1024);
	CPU_ZERO(&one);
	for (int cpu = 0; CPU_COUNT(&one) == 0; cpu++) {
		cpu_set_t all;

		sched_getaffinity(0, sizeof all, &all);
		if (CPU_ISSET(cpu, &all))
			CPU_SET(cpu, &one);
	}
	ck_assert_int_eq(sched_setaffinity(0, sizeof one, &one), 0);
	ck_assert_uint_eq(limits_choose_workers(0), 1);
}
END_TEST

START_TEST(no_more_workers_than_descriptors_allow)
{
	set_descriptors(64);
	ck_assert_uint_eq(limits_choose_workers(3), 2);
	set_descriptors(20);
	ck_assert_uint_eq(limits_choose_workers(3), 1);
	ck_assert_uint_eq(limits_choose_workers(0), 1);
	if (get_limit(RLIMIT_NOFILE).rlim_max >= 257 * 32) {
		set_descriptors(257 * 32);
		ck_assert_uint_eq(limits_choose_workers(1000), 256);
	}
}
END_TEST

/* The line names the option and where it is, never an option that was not given. */
START_TEST(capped_buffers_are_told)
{
	static const char text[] = "{\"server\":{\"sndbuf\":1,\n\"recbuf\":\"1g\"}}";
	struct json_doc *doc = json_doc_new();
	struct json_source *file = json_source_add(doc, "s.json", text, strlen(text));
	struct json_source *flag = json_source_add(doc, "--sndbuf", NULL, 0);
	struct json *root = json_doc_root(doc), *section;
	struct json_error error;

	section = json_get(json_parse(doc, file, &error), "server");
	json_add(doc, root, "server", section);
	stderr_file_begin();
	limits_check_buffers(section, 0, 0);
	limits_check_buffers(section, 4096, 4096);
	limits_check_buffers(NULL, 0, 0);
	ck_assert_uint_eq(stderr_file_lines(), 0);
	limits_check_buffers(section, 1, 1 << 30);
	ck_assert_uint_eq(stderr_file_lines(), 1);
	stderr_file_expect("the kernel capped a socket buffer option=/server/recbuf source=s.json "
	                   "line=2 asked=1073741824 got=");
	json_detach(json_get(section, "sndbuf"));
	json_add(doc, section, "sndbuf", json_new(doc, JSON_STRING, "1g", flag));
	limits_check_buffers(section, 1 << 30, 0);
	stderr_file_expect("option=/server/sndbuf source=--sndbuf asked=1073741824 got=");
	json_doc_free(doc);
}
END_TEST

START_TEST(too_few_descriptors_are_told)
{
	set_descriptors(64);
	stderr_file_begin();
	limits_check_descriptors(64, 5);
	ck_assert_uint_eq(stderr_file_lines(), 0);
	limits_check_descriptors(65, 5);
	stderr_file_expect("needed=65 available=64 visitors=5 raise=\"ulimit -n, or LimitNOFILE=");
}
END_TEST

START_TEST(too_few_descriptors_are_an_error)
{
	set_descriptors(64);
	ck_assert(limits_suffice(64, "they"));
	stderr_file_begin();
	ck_assert(!limits_suffice(65, "they"));
	stderr_file_expect(
		"error: too few file descriptors: they need 65, but the process may have "
		"64; raise ulimit -n, or LimitNOFILE= of the systemd unit\n");
}
END_TEST

static void use_a_signal(void)
{
	static ev_signal watcher;

	ev_signal_init(&watcher, NULL, SIGUSR1);
	ev_signal_start(ev_loop_new(EVFLAG_AUTO), &watcher); /* needs another descriptor */
}

/* Not in words of its own, and not as a crash. */
START_TEST(libev_says_in_our_log_that_it_cannot_go_on)
{
	int status;
	pid_t child;

	stderr_file_begin();
	limits_set_up_process();
	child = fork();
	if (child == 0) {
		few_descriptors_begin(1);
		use_a_signal();
		_exit(9);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 1);
	stderr_file_expect("error failed error=\"(libev)");
	stderr_file_expect("cause=\"Too many open files\"\n");
}
END_TEST

SUITE("limits", too_few_descriptors_are_an_error, libev_says_in_our_log_that_it_cannot_go_on,
      too_few_descriptors_are_told, no_core_is_written, the_process_is_set_up,
      the_table_of_descriptors_need_not_grow, as_many_workers_as_asked_for,
      by_default_one_worker_a_cpu, no_more_workers_than_descriptors_allow, capped_buffers_are_told)
