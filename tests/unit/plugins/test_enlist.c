#include "enlist.h"

#include <stdlib.h>
#include <unistd.h>

#include "mistakes.h"
#include "suite.h"
#include "warnings.h"

enum { MAX_ENTRIES = 4 };

static struct conf conf;
static struct roster roster;
static const char *names[MAX_ENTRIES], *policy_names[MAX_ENTRIES];
static spore_str secrets[MAX_ENTRIES];
static struct policy policies[MAX_ENTRIES];
static char path[32];

static void begin(void)
{
	conf = (struct conf){ .secrets = { .keys = names, .items = secrets },
		              .policy = { .keys = policy_names, .items = policies } };
	roster = (struct roster){ 0 };
	mistakes_clear();
}

static void add_secret(const char *name, const char *secret)
{
	names[conf.secrets.count] = name;
	secrets[conf.secrets.count++] = spore_cstr(secret);
}

static struct policy *add_policy(const char *name)
{
	policy_names[conf.policy.count] = name;
	policies[conf.policy.count] = (struct policy){ .max_tunnels = 0 };
	return &policies[conf.policy.count++];
}

static void write_file(const char *text, size_t len)
{
	int fd = mkstemp(strcpy(path, "/tmp/spore-unit-XXXXXX"));

	ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
	close(fd);
	conf.secrets_file = path;
}

static bool run(void)
{
	const spore_host host = warnings_host(&(spore_host){ .struct_size = sizeof host });
	spore_create_args args = {
		.struct_size = sizeof args, .host = &host, .conf = &conf, .report = mistakes_report
	};
	bool good = enlist(&args, &roster);

	ck_assert(good == (n_mistakes == 0));
	return good;
}

static void end(void)
{
	if (conf.secrets_file)
		unlink(conf.secrets_file);
	roster_fini(&roster);
}

static const struct member *find_member(const char *name)
{
	for (size_t i = 0; i < roster.n; i++) {
		if (strcmp(roster.members[i].name, name) == 0)
			return &roster.members[i];
	}
	ck_abort_msg("no %s", name);
}

START_TEST(both_sources_make_one_roster)
{
	begin();
	add_secret("alice", "one");
	write_file("# more\nbob:two\n\ncarol:three\n", 28);
	ck_assert(run());
	ck_assert_uint_eq(roster.n, 3);
	ck_assert_uint_eq(find_member("alice")->line, 0);
	ck_assert_uint_eq(find_member("bob")->line, 2);
	ck_assert_uint_eq(find_member("carol")->line, 4);
	end();
}
END_TEST

START_TEST(there_must_be_a_secret)
{
	begin();
	ck_assert(!run());
	mistakes_expect(": expected at least one secret");
	end();
}
END_TEST

START_TEST(a_file_may_be_empty)
{
	begin();
	add_policy("*")->max_tunnels = 1;
	write_file("# nobody\n", 9);
	ck_assert(run());
	warnings_expect("nobody can log in by this instance: /tmp/");
	ck_assert_uint_eq(roster.n, 0);
	end();
	begin();
	add_secret("alice", "one");
	write_file("", 0);
	ck_assert(run());
	warnings_expect(NULL);
	end();
}
END_TEST

START_TEST(a_name_must_be_good)
{
	begin();
	add_secret("a/b", "one");
	ck_assert(!run());
	mistakes_expect("/secrets/a~1b: expected a name of 1 to 64 letters");
	end();
	begin();
	write_file("good:one\nnot good:two\n", 22);
	ck_assert(!run());
	ck_assert_ptr_nonnull(strstr(mistakes, ":2:1: expected a name of 1 to 64 letters"));
	end();
}
END_TEST

START_TEST(a_reference_is_no_map)
{
	begin();
	add_secret("file", "/etc/secrets");
	ck_assert(!run());
	mistakes_expect("/secrets/file: expected names, each with its secret");
	end();
}
END_TEST

START_TEST(names_must_differ)
{
	begin();
	add_secret("alice", "one");
	write_file("alice:two\n", 10);
	ck_assert(!run());
	ck_assert_uint_eq(n_mistakes, 1);
	ck_assert_ptr_nonnull(strstr(mistakes, "/secrets_file: /tmp/"));
	ck_assert_ptr_nonnull(strstr(mistakes,
	                             ":1:1: expected a unique name, found that of \"alice\" "
	                             "(/secrets/alice)"));
	end();
}
END_TEST

START_TEST(secrets_must_differ)
{
	begin();
	add_secret("alice", "same");
	add_secret("bob", "same");
	ck_assert(!run());
	mistakes_expect("/secrets/bob: expected a unique secret, found that of \"alice\" "
	                "(/secrets/alice)");
	end();
}
END_TEST

START_TEST(mistakes_of_a_file_have_their_place)
{
	begin();
	write_file("a:1\nno colon\n:none\nb:\n", 22);
	ck_assert(!run());
	ck_assert_uint_eq(n_mistakes, 3);
	ck_assert_ptr_nonnull(strstr(mistakes, ":2:9: expected NAME:SECRET"));
	ck_assert_ptr_nonnull(strstr(mistakes, ":3:1: expected a name"));
	ck_assert_ptr_nonnull(strstr(mistakes, ":4:3: expected a secret"));
	end();
}
END_TEST

START_TEST(after_some_mistakes_it_stops)
{
	char text[400] = "";

	begin();
	for (int i = 0; i < 100; i++)
		strcat(text, "x\n");
	write_file(text, strlen(text));
	ck_assert(!run());
	ck_assert_uint_eq(n_mistakes, 10);
	end();
}
END_TEST

START_TEST(a_file_must_be_readable)
{
	begin();
	conf.secrets_file = "/nowhere/at/all";
	ck_assert(!run());
	mistakes_expect("/secrets_file: cannot read /nowhere/at/all: No such file or directory");
	conf.secrets_file = NULL;
	end();
}
END_TEST

START_TEST(policies_go_to_their_names)
{
	struct policy *all, *alice;

	begin();
	add_secret("alice", "one");
	add_secret("bob", "two");
	alice = add_policy("alice");
	alice->max_tunnels = 5;
	all = add_policy("*");
	all->max_tunnels = 1;
	all->life = 1000;
	ck_assert(run());
	ck_assert_int_eq(find_member("alice")->policy.max_tunnels, 5);
	ck_assert_int_eq(find_member("alice")->policy.life, 1000);
	ck_assert_int_eq(find_member("alice")->policy.max_conns, 0);
	ck_assert_int_eq(find_member("bob")->policy.max_tunnels, 1);
	end();
}
END_TEST

START_TEST(a_policy_may_be_for_an_absent_name)
{
	begin();
	add_secret("alice", "one");
	add_policy("bob")->max_tunnels = 5;
	ck_assert(run());
	warnings_expect("/policy/bob applies to nobody: no secret has the name bob\n");
	ck_assert_int_eq(find_member("alice")->policy.max_tunnels, 0);
	end();
	begin();
	add_secret("alice", "one");
	add_policy("alcie")->max_tunnels = 5;
	ck_assert(run());
	warnings_expect("no secret has the name alcie: did you mean alice?\n");
	end();
}
END_TEST

/* Of a file that cannot be read, no name is known, so none is called absent. */
START_TEST(mistakes_do_not_hide_others)
{
	begin();
	add_secret("alice", "same secret");
	add_secret("bob", "same secret");
	conf.secrets_file = "/nowhere/secrets";
	add_policy("carol")->max_tunnels = 5;
	ck_assert(!run());
	ck_assert_ptr_nonnull(strstr(mistakes, "/secrets_file: cannot read /nowhere/secrets"));
	ck_assert_ptr_nonnull(strstr(mistakes, "/secrets/bob: expected a unique secret"));
	ck_assert_uint_eq(n_mistakes, 2);
	warnings_expect(NULL);
	end();
}
END_TEST

SUITE("enlist", both_sources_make_one_roster, there_must_be_a_secret, a_file_may_be_empty,
      a_name_must_be_good, a_reference_is_no_map, names_must_differ, secrets_must_differ,
      mistakes_of_a_file_have_their_place, after_some_mistakes_it_stops, a_file_must_be_readable,
      policies_go_to_their_names, a_policy_may_be_for_an_absent_name, mistakes_do_not_hide_others)
