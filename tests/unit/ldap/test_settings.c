#include "settings.h"

#include <unistd.h>

#include "mistakes.h"
#include "suite.h"

static const char *const one_url[] = { "ldap://127.0.0.1" };
static struct settings settings;

/* A configuration without mistakes. */
static struct conf good_conf(void)
{
	return (struct conf){
		.urls = { one_url, 1, sizeof *one_url },
		.bind_dn = "uid=%n,dc=x",
		.name_attribute = "uid",
	};
}

static bool init(const struct conf *conf)
{
	spore_create_args args = { .struct_size = sizeof args,
		                   .conf = conf,
		                   .report = mistakes_report };
	bool good;

	mistakes_clear();
	settings_fini(&settings);
	good = settings_init(&settings, &args);
	ck_assert(good == (n_mistakes == 0));
	return good;
}

static void expect_wrong(const struct conf *conf, const char *mistake)
{
	ck_assert(!init(conf));
	mistakes_expect(mistake);
}

static void expect_url(const char *url, const char *mistake)
{
	struct conf conf = good_conf();

	conf.urls.items = &url;
	if (mistake)
		expect_wrong(&conf, mistake);
	else
		ck_assert_msg(init(&conf), "%s: %s", url, mistakes);
}

START_TEST(urls)
{
	expect_url("ldap://127.3.2.1:1389/", NULL);
	ck_assert_str_eq(settings.places[0].host, "127.3.2.1");
	ck_assert_uint_eq(settings.places[0].port, 1389);
	expect_url("ldap://[::1]", NULL);
	ck_assert_str_eq(settings.places[0].host, "::1");
	ck_assert_uint_eq(settings.places[0].port, 389);
	expect_url("ldap://localhost", NULL);
	expect_url("ldapi://%2Frun%2Fa%20b", NULL);
	ck_assert_str_eq(settings.places[0].host, "/run/a b");
	ck_assert(settings.places[0].is_unix);
	expect_url("ldap.example.com", "/urls/0: expected a URL such as");
	expect_url("http://127.0.0.1", "/urls/0: expected a URL such as");
	expect_url("pldap://127.0.0.1", "/urls/0: expected a URL that begins with");
	expect_url("ldap://", "/urls/0: expected a URL with a host");
	expect_url("ldap://127.0.0.1/dc=x", "/urls/0: expected a URL with a host");
	expect_url("ldap://127.0.0.1/??sub", NULL);
	expect_url("ldapi://run", "/urls/0: expected the absolute path");
	expect_url("ldap://ldap.example.com", "/urls/0: expected ldaps://, or");
	expect_url("ldap://192.0.2.1", "/urls/0: expected ldaps://, or");
}
END_TEST

static char path[32];

static void write_file(const char *text)
{
	int fd = mkstemp(strcpy(path, "/tmp/spore-unit-XXXXXX"));

	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

START_TEST(security)
{
	static const char *const far[] = { "ldap://192.0.2.1", "ldaps://192.0.2.1" };
	struct conf conf = good_conf();

	write_file("-----BEGIN CERTIFICATE-----\n");
	conf.urls.items = &far[0];
	conf.insecure = 1;
	ck_assert(init(&conf));
	conf.cacertfile = path;
	expect_wrong(&conf, "/cacertfile: expected this option with ldaps:// or starttls only");
	conf.insecure = 0;
	conf.starttls = 1;
	ck_assert(init(&conf));
	conf.urls.items = &far[1];
	expect_wrong(&conf, "/urls/0: expected ldap:// with \"starttls\": true");
	conf.starttls = 0;
	ck_assert(init(&conf));
	ck_assert(settings.places[0].is_ldaps);
	ck_assert_uint_eq(settings.places[0].port, 636);
	unlink(path);
	expect_wrong(&conf, "/cacertfile: cannot read /tmp/spore-unit-");
	write_file("-----BEGIN PRIVATE KEY-----\n");
	expect_wrong(&conf, "/cacertfile: expected a file of certificates in PEM form");
	unlink(path);
}
END_TEST

START_TEST(ways_to_find_a_client)
{
	struct conf conf = good_conf();

	conf.search_base = "dc=x";
	conf.user = "cn=a,dc=x";
	conf.password = spore_cstr("p");
	expect_wrong(&conf, ": expected either \"bind_dn\" or \"search_base\"");
	conf.bind_dn = NULL;
	ck_assert(init(&conf));
	conf.search_filter = "(&(uid=%n)(!(description=locked)))";
	ck_assert(init(&conf));
	conf.user = NULL;
	conf.password = (spore_str){ 0 };
	expect_wrong(&conf, ": expected \"user\" and \"password\" of a service account");
	conf.search_base = NULL;
	conf.bind_dn = "uid=%n,dc=x";
	expect_wrong(&conf, "/search_filter: expected this option with \"search_base\"");
	conf.search_filter = NULL;
	conf.bind_dn = "uid=%n%d,dc=x";
	expect_wrong(&conf, "/bind_dn: expected only n or % after a %");
	conf.bind_dn = "uid=alice,dc=x";
	expect_wrong(&conf, "/bind_dn: expected a DN with %n for the name");
	conf.bind_dn = "%n@example.com";
	expect_wrong(&conf, "/bind_dn: expected a DN with %n for the name");
	conf.bind_dn = NULL;
	expect_wrong(&conf, ": expected either");
}
END_TEST

START_TEST(filters)
{
	static const struct {
		const char *filter, *mistake;
	} rows[] = {
		{ "uid=%n", "/search_filter: expected a filter in brackets" },
		{ "(uid=%n)(a=b)", "/search_filter: expected a filter in brackets" },
		{ "(uid=%n))", "/search_filter: expected a filter in brackets" },
		{ "(&(uid=%n)", "/search_filter: expected a ) for each (" },
		{ "(uid=alice)", "/search_filter: expected %n for the name" },
		{ "(uid=%d)", "/search_filter: expected only n or %" },
	};
	struct conf conf = good_conf();

	conf.bind_dn = NULL;
	conf.search_base = "dc=x";
	conf.user = "cn=a,dc=x";
	conf.password = spore_cstr("p");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		conf.search_filter = rows[i].filter;
		expect_wrong(&conf, rows[i].mistake);
	}
}
END_TEST

START_TEST(a_service_account)
{
	struct conf conf = good_conf();

	conf.user = "cn=a,dc=x";
	expect_wrong(&conf, "/password: expected the password of \"user\"");
	conf.password = (spore_str){ "", 0 };
	expect_wrong(&conf,
	             "/password: expected the password of \"user\", which must not be empty");
	conf.password = spore_cstr("p");
	ck_assert(init(&conf) && settings_has_service(&settings) && !settings_searches(&settings));
	conf.user = "a";
	expect_wrong(&conf, "/user: expected a DN");
	conf.user = NULL;
	expect_wrong(&conf, "/password: expected this option with \"user\"");
}
END_TEST

START_TEST(groups_and_their_policies)
{
	static const char *const keys[] = { "CN=Ops\\, all, dc=x", "cn=dev,dc=x", "*" };
	static const struct policy policies[] = { { .max_conns = 1 },
		                                  { .max_conns = 2 },
		                                  { .max_conns = 3 } };
	struct conf conf = good_conf();

	ck_assert(init(&conf) && settings.others && !settings.others->max_conns);
	conf.policy = (spore_map){ keys, policies, 2, sizeof *policies };
	ck_assert(!init(&conf));
	conf.group_base = "ou=groups,dc=x";
	expect_wrong(&conf, ": expected \"group_base\" and \"group_filter\" together");
	conf.group_filter = "(&(member=%d)(x=%n))";
	ck_assert(init(&conf));
	ck_assert_uint_eq(settings.n_groups, 2);
	ck_assert_ptr_null(settings.others);
	ck_assert_int_eq(settings_find_group(&settings, "cn=ops\\2C all,DC=X")->policy.max_conns,
	                 1);
	ck_assert_ptr_null(settings_find_group(&settings, "cn=ops,dc=x"));
	ck_assert_ptr_null(settings_find_group(&settings, "no DN"));
	conf.policy.count = 3;
	ck_assert(init(&conf) && settings.others->max_conns == 3);
	conf.policy = (spore_map){ &keys[2], policies, 1, sizeof *policies };
	conf.group_base = conf.group_filter = NULL;
	ck_assert(init(&conf) && settings.others->max_conns == 1);
}
END_TEST

START_TEST(attributes_of_limits)
{
	static const char *const keys[] = { "ports", "life", "max_tunnel" }, *const names[] = {
		"sporePorts", "1.3.6.1;x-y", "a b"
	};
	struct conf conf = good_conf();

	conf.attributes = (spore_map){ keys, names, 2, sizeof *names };
	ck_assert(init(&conf));
	ck_assert_str_eq(settings.wanted[0], "uid");
	ck_assert_str_eq(settings.wanted[2], "1.3.6.1;x-y");
	ck_assert_ptr_null(settings.wanted[3]);
	conf.attributes.count = 3;
	expect_wrong(&conf, "/attributes/max_tunnel: unknown: expected only ports");
	conf.attributes = (spore_map){ keys, &names[2], 1, sizeof *names };
	expect_wrong(&conf, "/attributes/ports: expected the name of an attribute");
	conf.attributes.count = 0;
	conf.name_attribute = "u*";
	expect_wrong(&conf, "/name_attribute: expected the name of an attribute");
}
END_TEST

SUITE("settings", urls, security, ways_to_find_a_client, filters, a_service_account,
      groups_and_their_policies, attributes_of_limits)
