#include "target.h"

#include <stdio.h>
#include <string.h>

#include "suite.h"

static char reported[400];

static void take_report(const spore_create_args *args, const char *pointer, const char *text)
{
	(void)args;
	snprintf(reported, sizeof reported, "%s: %s", pointer, text);
}

static const spore_create_args args = { .struct_size = sizeof args, .report = take_report };

static bool reads(struct target *target, const char *conninfo, bool insecure)
{
	struct target_options options = { conninfo, { "p", 1 }, insecure };

	reported[0] = '\0';
	*target = (struct target){ 0 };
	return target_init(target, &args, &options);
}

static const char *value_of(const struct target_params *params, const char *keyword)
{
	const char *value = "";

	for (size_t i = 0; params->keywords[i]; i++)
		if (strcmp(params->keywords[i], keyword) == 0)
			value = params->values[i];
	return value;
}

START_TEST(hosts_are_listed)
{
	struct target target;

	ck_assert(reads(&target,
	                "host=a.example,/run/x,10.0.0.1 hostaddr=10.0.0.9,, port=1,2,3 user=u "
	                "sslmode=verify-full target_session_attrs=read-write",
	                false));
	ck_assert_uint_eq(target.n_hosts, 3);
	ck_assert_str_eq(target.hosts[0].host, "a.example");
	ck_assert_str_eq(target.hosts[0].address, "10.0.0.9");
	ck_assert_str_eq(target.hosts[1].port, "2");
	ck_assert(!target_needs_address(&target.hosts[0]));
	ck_assert(!target_needs_address(&target.hosts[2]));
	target_fini(&target);
	ck_assert(reads(&target, "host=localhost,127.0.0.1 port=7 user=u", false));
	ck_assert(target_needs_address(&target.hosts[0]));
	ck_assert_str_eq(target.hosts[1].port, "7");
	target_fini(&target);
}
END_TEST

START_TEST(parameters_are_passed_on)
{
	struct target_params params;
	struct target target;

	ck_assert(
		reads(&target,
	              "postgresql://u@localhost/d?target_session_attrs=read-write&sslmode=disable",
	              false));
	target_write(&target, "localhost,localhost", "127.0.0.1,::1", "5,5", &params);
	ck_assert_str_eq(value_of(&params, "hostaddr"), "127.0.0.1,::1");
	ck_assert_str_eq(value_of(&params, "user"), "u");
	ck_assert_str_eq(value_of(&params, "dbname"), "d");
	ck_assert_str_eq(value_of(&params, "password"), "p");
	ck_assert_str_eq(value_of(&params, "sslmode"), "disable");
	ck_assert_str_eq(value_of(&params, "target_session_attrs"), "read-write");
	ck_assert_str_eq(value_of(&params, "gssencmode"), "disable");
	target_fini(&target);
}
END_TEST

START_TEST(mistakes_are_reported)
{
	static const struct {
		const char *conninfo, *text;
	} rows[] = {
		{ "host", "missing \"=\" after \"host\"" },
		{ "hots=x", "invalid connection option \"hots\"" },
		{ "password", "expected a connection string" },
		{ "password=hunter2 hots=x", "expected a connection string" },
		{ "user=u password=hunter2", "expected no password here" },
		{ "postgresql://u:hunter2@localhost/", "expected no password here" },
		{ "host=a,b hostaddr=1.1.1.1", "libpq refuses it" },
		{ "service=nowhere", "libpq refuses it" },
		{ "host=127.0.0.1 sslmode=full", "libpq refuses it" },
		{ "host=db.example", "expected sslmode=verify-full" },
		{ "host=localhost hostaddr=192.0.2.1 sslmode=require",
		  "expected sslmode=verify-full" },
		{ "host=127.0.0.1,db.example", "expected sslmode=verify-full" },
	};
	struct target target;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ck_assert_msg(!reads(&target, rows[i].conninfo, false), "%s", rows[i].conninfo);
		ck_assert_msg(strstr(reported, rows[i].text), "%s: %s", rows[i].conninfo, reported);
		ck_assert_ptr_null(strstr(reported, "hunter2"));
		target_fini(&target);
	}
	ck_assert(reads(&target, "host=db.example user=u", true));
	target_fini(&target);
	ck_assert(reads(&target, "host=/run/postgresql user=u", false));
	target_fini(&target);
}
END_TEST

SUITE("target", hosts_are_listed, parameters_are_passed_on, mistakes_are_reported)
