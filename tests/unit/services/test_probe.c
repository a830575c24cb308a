#include "services/probe.h"

#include <stdio.h>

#include "suite.h"

START_TEST(a_good_plugin_passes)
{
	struct err err = { "" };

	ck_assert_msg(probe_load(PLUGIN_DIR "/transport_plain.so", NULL, &err), "%s", err.text);
}
END_TEST

START_TEST(a_plugin_that_the_loader_refuses_passes)
{
	struct err err;

	ck_assert(probe_load("/nonexistent", NULL, &err));
}
END_TEST

static void check_lethal(const char *path, const char *why)
{
	char expected[512];
	struct err err;

	snprintf(expected, sizeof expected, "plugin %s refused: loading it %s", path, why);
	ck_assert(!probe_load(path, NULL, &err));
	ck_assert_str_eq(err.text, expected);
}

START_TEST(a_plugin_that_crashes_is_refused)
{
	check_lethal(BAD_PLUGIN_DIR "/auth_traps.so", "kills the process with signal 6 (Aborted)");
}
END_TEST

START_TEST(a_plugin_that_exits_is_refused)
{
	check_lethal(BAD_PLUGIN_DIR "/auth_exits.so", "ends the process with status 0");
}
END_TEST

SUITE("probe", a_good_plugin_passes, a_plugin_that_the_loader_refuses_passes,
      a_plugin_that_crashes_is_refused, a_plugin_that_exits_is_refused)
