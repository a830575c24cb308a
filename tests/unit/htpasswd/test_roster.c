#include "roster.h"

#include <unistd.h>

#include "hashes.h"
#include "mistakes.h"
#include "services/host.h"
#include "suite.h"
#include "warnings.h"

static char path[32], policy_path[32];
static const char *policy_names[4];
static struct policy policies[4];
static struct conf conf = { .file = path, .policy = { .keys = policy_names, .items = policies } };
static struct roster roster;

static void write_file(char *to, const char *text)
{
	int fd = mkstemp(strcpy(to, "/tmp/spore-unit-XXXXXX"));

	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static bool read_into(struct roster *out, const char *text, const struct roster *previous)
{
	const spore_host host = warnings_host(host_table());
	spore_create_args args = { .struct_size = sizeof args,
		                   .host = &host,
		                   .ctx = (spore_ctx *)path,
		                   .conf = &conf,
		                   .report = mistakes_report };
	bool good;

	write_file(path, text);
	good = roster_read(out, &args, previous);
	ck_assert(good == (n_mistakes == 0));
	unlink(path);
	if (conf.policy_file)
		unlink(conf.policy_file);
	return good;
}

static void expect_fault(const char *text, const char *place)
{
	char expected[300];

	ck_assert(!read_into(&roster, text, NULL));
	snprintf(expected, sizeof expected, "/file: %s%s", path, place);
	mistakes_expect(expected);
	roster_fini(&roster);
}

START_TEST(names_are_found)
{
	ck_assert(read_into(&roster, "bob:" HASHES_OTHER "\nalice:" HASHES_BCRYPT "\n", NULL));
	ck_assert_uint_eq(roster.n, 2);
	ck_assert_str_eq(roster_find(&roster, "alice")->hash, HASHES_BCRYPT);
	ck_assert_str_eq(roster_find(&roster, "bob")->hash, HASHES_OTHER);
	ck_assert_ptr_null(roster_find(&roster, "Bob"));
	ck_assert_ptr_null(roster_find(&roster, ""));
	ck_assert(roster_find(&roster, "alice")->session != roster_find(&roster, "bob")->session);
	roster_fini(&roster);
}
END_TEST

START_TEST(mistakes_have_their_places)
{
	expect_fault("alice:" HASHES_BCRYPT "\n\nbob:x\n", ":3:5: expected a hash");
	expect_fault("alice:" HASHES_BCRYPT "\nalice:" HASHES_OTHER "\n",
	             ":2:1: expected each name once, found that of line 1");
	ck_assert(!read_into(&roster, "x\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\nx\n", NULL));
	ck_assert_uint_eq(n_mistakes, 10);
	roster_fini(&roster);
}
END_TEST

START_TEST(policies_go_to_their_names)
{
	const struct member *member;

	policy_names[0] = "alice";
	policies[0] = (struct policy){ .max_tunnels = 5 };
	conf.policy.count = 1;
	conf.policy_file = policy_path;
	write_file(policy_path,
	           "{\"bob\": {\"ports\": \"7000\"}, \"*\": {\"max_tunnels\": 2, \"life\": 1}}");
	ck_assert_msg(read_into(&roster, "alice:" HASHES_BCRYPT "\nbob:" HASHES_OTHER "\n", NULL),
	              "%s", mistakes);
	member = roster_find(&roster, "alice");
	ck_assert_int_eq(member->policy.max_tunnels, 5);
	ck_assert_int_eq(member->policy.life, 1000);
	ck_assert_uint_eq(member->policy.ports.count, 0);
	member = roster_find(&roster, "bob");
	ck_assert_int_eq(member->policy.max_tunnels, 2);
	ck_assert_uint_eq(member->policy.ports.count, 1);
	roster_fini(&roster);
}
END_TEST

static void expect_policy_fault(const char *text, const char *expected)
{
	write_file(policy_path, text);
	ck_assert(!read_into(&roster, "alice:" HASHES_BCRYPT "\n", NULL));
	ck_assert_msg(n_mistakes == 1 && strstr(mistakes, expected), "%s", mistakes);
	mistakes_clear();
	roster_fini(&roster);
}

START_TEST(a_policy_is_of_one_name)
{
	conf.policy.count = 1;
	conf.policy_file = policy_path;
	policy_names[0] = "alice";
	expect_policy_fault("{\"alice\": {}}", "/alice: expected one policy for a name");
	policy_names[0] = "*";
	expect_policy_fault("{\"*\": {}}", "/*: expected one policy for \"*\"");
}
END_TEST

START_TEST(a_policy_may_be_for_an_absent_name)
{
	char expected[200];

	policy_names[0] = "bob/2";
	policies[0] = (struct policy){ .max_tunnels = 5 };
	conf.policy.count = 1;
	ck_assert(read_into(&roster, "alice:" HASHES_BCRYPT "\n", NULL));
	warnings_expect("/policy/bob~12 applies to nobody: /tmp/");
	ck_assert_int_eq(roster_find(&roster, "alice")->policy.max_tunnels, 0);
	roster_fini(&roster);
	conf.policy.count = 0;
	conf.policy_file = policy_path;
	write_file(policy_path, "{\"alice\": {}, \"carol\": {}, \"*\": {}}");
	ck_assert(read_into(&roster, "alice:" HASHES_BCRYPT "\n", NULL));
	snprintf(expected, sizeof expected, "%s: /carol applies to nobody: %s has no name carol\n",
	         policy_path, path);
	warnings_expect(expected);
	roster_fini(&roster);
}
END_TEST

START_TEST(policies_for_absent_names_do_not_flood_the_log)
{
	char text[1000] = "{\"0\": {}";

	for (unsigned i = 1; i < 50; i++)
		sprintf(text + strlen(text), ", \"%u\": {}", i);
	conf.policy_file = policy_path;
	write_file(policy_path, strcat(text, "}"));
	ck_assert(read_into(&roster, "alice:" HASHES_BCRYPT "\n", NULL));
	ck_assert_uint_eq(n_warnings, 10);
	roster_fini(&roster);
}
END_TEST

START_TEST(there_may_be_no_name)
{
	const spore_host *host = host_table();

	ck_assert(read_into(&roster, "# nobody\n", NULL));
	warnings_expect("nobody can log in by this instance: /tmp/");
	ck_assert_ptr_null(roster_find(&roster, "alice"));
	ck_assert_ptr_null(roster_stand_in(&roster, host, "alice"));
	roster_fini(&roster);
	ck_assert(read_into(&roster, "", NULL));
	warnings_expect("has no names\n");
	roster_fini(&roster);
}
END_TEST

START_TEST(a_locked_name_is_known_and_has_no_hash)
{
	const spore_host *host = host_table();
	uint64_t session;

	ck_assert(read_into(&roster, "alice:" HASHES_BCRYPT "\nbob:!\n", NULL));
	warnings_expect(NULL);
	ck_assert(roster_find(&roster, "bob")->is_locked);
	ck_assert_ptr_eq(roster_stand_in(&roster, host, "bob"), roster_find(&roster, "alice"));
	session = roster_find(&roster, "alice")->session;
	roster_fini(&roster);
	ck_assert(read_into(&roster, "alice:!" HASHES_BCRYPT "\nbob:*\n", NULL));
	warnings_expect("has no names that are not locked\n");
	ck_assert(roster_find(&roster, "alice")->session != session);
	ck_assert_ptr_null(roster_stand_in(&roster, host, "bob"));
	roster_fini(&roster);
}
END_TEST

/* What a reload needs: the session and the seal stay with an unchanged hash, and end with it. */
START_TEST(an_unchanged_hash_keeps_its_session_and_its_seal)
{
	const spore_host *host = host_table();
	struct roster next;
	const struct member *before, *after;

	ck_assert(read_into(&roster, "alice:" HASHES_BCRYPT "\nbob:" HASHES_SHA512 "\n", NULL));
	seal_close(roster_find(&roster, "alice")->seal, host, spore_cstr("correct"));
	seal_close(roster_find(&roster, "bob")->seal, host, spore_cstr("correct"));
	ck_assert(read_into(&next, "bob:" HASHES_OTHER "\nalice:" HASHES_BCRYPT "\n", &roster));
	before = roster_find(&roster, "alice");
	after = roster_find(&next, "alice");
	ck_assert_uint_eq(before->session, after->session);
	ck_assert_int_eq(seal_compare(after->seal, host, spore_cstr("correct")), SEAL_SAME);
	before = roster_find(&roster, "bob");
	after = roster_find(&next, "bob");
	ck_assert(before->session != after->session);
	ck_assert_int_eq(seal_compare(after->seal, host, spore_cstr("correct")), SEAL_EMPTY);
	ck_assert_ptr_eq(roster_stand_in(&next, host, "nobody"),
	                 roster_stand_in(&next, host, "nobody"));
	roster_fini(&roster);
	after = roster_find(&next, "alice");
	ck_assert_int_eq(seal_compare(after->seal, host, spore_cstr("correct")), SEAL_SAME);
	roster_fini(&next);
}
END_TEST

START_TEST(each_name_stands_in_for_some_unknown_ones)
{
	const spore_host *host = host_table();
	unsigned of_alice = 0;
	char name[16];

	ck_assert(read_into(&roster, "alice:" HASHES_BCRYPT "\nbob:" HASHES_OTHER "\n", NULL));
	for (unsigned i = 0; i < 200; i++) {
		snprintf(name, sizeof name, "nobody%u", i);
		of_alice += roster_stand_in(&roster, host, name) == &roster.members[0];
	}
	ck_assert(of_alice > 20 && of_alice < 180);
	roster_fini(&roster);
}
END_TEST

SUITE("roster", names_are_found, mistakes_have_their_places, policies_go_to_their_names,
      a_policy_is_of_one_name, a_policy_may_be_for_an_absent_name,
      policies_for_absent_names_do_not_flood_the_log, there_may_be_no_name,
      a_locked_name_is_known_and_has_no_hash, an_unchanged_hash_keeps_its_session_and_its_seal,
      each_name_stands_in_for_some_unknown_ones)
