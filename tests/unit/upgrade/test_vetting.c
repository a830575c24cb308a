#include "upgrade/vetting.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "run_until.h"
#include "suite.h"
#include "upgrade/protocol.h"

static struct vetting vetting;
static struct loop *loop;
static bool has_ended;
static char said[VETTING_TEXT_MOST + 1000];

static void note_end(void *arg, const char *why)
{
	(void)arg;
	has_ended = true;
	snprintf(said, sizeof said, "%s", why ? why : "good");
}

static void start(const char *script, int64_t limit_ms)
{
	char *argv[] = { (char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c",
		         (char *)(uintptr_t)script, NULL };
	struct err err;

	loop = loop ? loop : run_until_loop();
	has_ended = false;
	vetting = (struct vetting){ .on_end = note_end };
	ck_assert_msg(vetting_start(&vetting, loop, "/bin/sh", argv, limit_ms, &err), "%s",
	              err.text);
}

/* The script of a program that greets. */
static const char *run(const char *script, int64_t limit_ms)
{
	char all[400];

	snprintf(all, sizeof all, "printf '%s' >&3; %s", PROTOCOL_GREETING, script);
	start(all, limit_ms);
	ck_assert(run_until(loop, run_until_is_set, &has_ended));
	return said;
}

START_TEST(the_status_counts)
{
	ck_assert_str_eq(run("echo warning >&2; exit 0", 10000), "good");
	ck_assert_str_eq(run("exit 2", 10000), "its check has ended with status 2");
	ck_assert_str_eq(run("kill -TERM $$", 10000), "its check was ended by signal 15");
	loop_free(loop);
}
END_TEST

START_TEST(the_error_is_told)
{
	ck_assert_str_eq(
		run("echo warning >&2; echo 'error: no port' >&2; echo help >&2; exit 1", 10000),
		"its check has ended with status 1: no port");
	ck_assert_str_eq(run("echo first >&2; echo second >&2; exit 1", 10000),
	                 "its check has ended with status 1: second");
	ck_assert_str_eq(run("echo 'x.json:1:2: error: no' >&2; echo '  ^' >&2; exit 1", 10000),
	                 "its check has ended with status 1: x.json:1:2: error: no");
	ck_assert_str_eq(run("echo '{\"level\":\"error\"}' >&2; echo '{}' >&2; exit 1", 10000),
	                 "its check has ended with status 1: {\"level\":\"error\"}");
	ck_assert_str_eq(run("echo nothing; exit 1", 10000), "its check has ended with status 1");
	loop_free(loop);
}
END_TEST

/* A program that is none, whatever its status. */
START_TEST(a_program_without_a_greeting)
{
	static const char all[] = "expected a spore that can take the place of a server, but "
				  "`/bin/sh server ... --check` has not said that it is one, and ";
	static const char *const ends[][2] = {
		{ "exit 0", "has ended with status 0" },
		{ "echo 'error: no' >&2; exit 2", "has ended with status 2: no" },
		{ "printf '{\"ready\":true}' >&3; exit 0", "has ended with status 0" },
		{ "printf 'hello' >&3; exit 0", "has ended with status 0" },
	};

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		start(ends[i][0], 10000);
		ck_assert(run_until(loop, run_until_is_set, &has_ended));
		ck_assert_int_eq(strncmp(said, all, strlen(all)), 0);
		ck_assert_str_eq(said + strlen(all), ends[i][1]);
	}
	start("exec sleep 100", 1000);
	ck_assert(run_until(loop, run_until_is_set, &has_ended));
	ck_assert_str_eq(said + strlen(all), "has not ended within 1 s");
	loop_free(loop);
}
END_TEST

START_TEST(another_protocol)
{
	start("printf '{\"protocol\":2}' >&3; exit 0", 10000);
	ck_assert(run_until(loop, run_until_is_set, &has_ended));
	ck_assert_ptr_nonnull(strstr(said, "hands over by protocol 2, and this one by 1"));
	loop_free(loop);
}
END_TEST

/* Not more of it than there is room for, and the program does not wait for a reader. */
START_TEST(long_complaints_are_cut)
{
	const char *why = run("head -c 300000 /dev/zero | tr '\\0' x >&2; exit 1", 10000);

	ck_assert_uint_lt(strlen(why), VETTING_TEXT_MOST + 100);
	ck_assert_ptr_nonnull(strstr(why, "status 1: xxx"));
	loop_free(loop);
}
END_TEST

START_TEST(a_check_that_hangs)
{
	ck_assert_str_eq(run("echo 'error: slow' >&2; exec sleep 100", 1000),
	                 "its check has not ended within 1 s: slow");
	loop_free(loop);
}
END_TEST

START_TEST(a_check_that_is_stopped)
{
	start("sleep 100", 10000);
	vetting_stop(&vetting);
	vetting_stop(&vetting);
	run_for(loop, 10);
	ck_assert(!has_ended);
	loop_free(loop);
	vetting = (struct vetting){ .on_end = NULL };
	vetting_stop(&vetting);
}
END_TEST

SUITE("vetting", the_status_counts, the_error_is_told, a_program_without_a_greeting,
      another_protocol, long_complaints_are_cut, a_check_that_hangs, a_check_that_is_stopped)
