#include "policy_file.h"

#include <unistd.h>

#include "mistakes.h"
#include "services/host.h"
#include "suite.h"

static char path[32];
static struct policy_file file;

static bool read_text(const char *text)
{
	spore_create_args args = { .struct_size = sizeof args,
		                   .host = host_table(),
		                   .ctx = (spore_ctx *)path,
		                   .report = mistakes_report };
	int fd = mkstemp(strcpy(path, "/tmp/spore-unit-XXXXXX"));
	bool good;

	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	good = policy_file_read(&file, &args, path);
	ck_assert(good == (n_mistakes == 0));
	unlink(path);
	return good;
}

START_TEST(all_limits)
{
	const spore_port_range *ports;

	ck_assert(read_text("{\"*\": {}, \"alice at work\": {\"ports\": \"20000-20099,20500\", "
	                    "\"max_tunnels\": 5, \"max_conns\": 1000000, \"life\": \"1.5h\"}}"));
	ck_assert_uint_eq(file.n, 2);
	ck_assert_str_eq(file.items[0].name, "*");
	ck_assert_uint_eq(file.items[0].policy.ports.count, 0);
	ck_assert_str_eq(file.items[1].name, "alice at work");
	ck_assert_uint_eq(file.items[1].policy.ports.count, 2);
	ports = file.items[1].policy.ports.items;
	ck_assert(ports[0].lo == 20000 && ports[0].hi == 20099);
	ck_assert(ports[1].lo == 20500 && ports[1].hi == 20500);
	ck_assert_int_eq(file.items[1].policy.max_tunnels, 5);
	ck_assert_int_eq(file.items[1].policy.max_conns, 1000000);
	ck_assert_int_eq(file.items[1].policy.life, 5400000);
	policy_file_fini(&file);
}
END_TEST

START_TEST(forms_of_a_time)
{
	static const struct {
		const char *text;
		int64_t ms;
	} rows[] = { { "\"200ms\"", 200 },
		     { "2", 2000 },
		     { "0.5", 500 },
		     { "\"3m\"", 180000 },
		     { "\"365d\"", 31536000000 },
		     { "\"10s\"", 10000 } };
	char text[100];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		snprintf(text, sizeof text, "{\"a\": {\"life\": %s}}", rows[i].text);
		ck_assert_msg(read_text(text), "%s", mistakes);
		ck_assert_int_eq(file.items[0].policy.life, rows[i].ms);
		policy_file_fini(&file);
	}
}
END_TEST

static void expect(const char *text, const char *said)
{
	char expected[400];

	ck_assert_msg(!read_text(text), "%s", text);
	snprintf(expected, sizeof expected, "/policy_file: %s: %s", path, said);
	mistakes_expect(expected);
	policy_file_fini(&file);
}

START_TEST(mistakes_have_their_places)
{
	static const char *const lives[] = { "0",        "-1",      "\"1\\t\"", "\"1w\"",
		                             "\"366d\"", "\"inf\"", "\"0x1s\"", "\" 1s\"",
		                             "\"1s \"",  "true",    "\"nans\"", "1e300" };
	static const char *const ports[] = { "\"\"",   "\"0\"",   "\"5-4\"",   "\"65536\"",
		                             "\"1,\"", "\"1 2\"", "\"a\"",     "[]",
		                             "\"-1\"", "\"1-\"",  "\"000080\"" };
	char text[100];

	expect("{", "line 1, column 2: ");
	expect("[]", "expected an object: names, each with its limits");
	expect("{\"a\": 5}", "/a: expected an object of limits");
	expect("{\"a/b\": {\"max_tunels\": 5}}", "/a~1b/max_tunels: unknown: expected only ports");
	expect("{\"a\": {\"max_tunnels\": 0}}", "/a/max_tunnels: expected a whole number from 1");
	expect("{\"a\": {\"max_conns\": 1.5}}", "/a/max_conns: expected a whole number from 1");
	expect("{\"a\": {\"max_conns\": 1000001}}", "/a/max_conns: expected a whole number");
	for (size_t i = 0; i < sizeof lives / sizeof *lives; i++) {
		snprintf(text, sizeof text, "{\"a\": {\"life\": %s}}", lives[i]);
		expect(text, "/a/life: expected 1 ms to 365 days");
	}
	for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
		snprintf(text, sizeof text, "{\"a\": {\"ports\": %s}}", ports[i]);
		expect(text, "/a/ports: expected a text of 1 to 64 ports and ranges");
	}
}
END_TEST

SUITE("policy_file", all_limits, forms_of_a_time, mistakes_have_their_places)
