#include "paths.h"

#include "suite.h"

static const struct path_rule rules[] = {
	{ "a.example", "/api", "api.example" },
	{ "A.example", "/api/v2/", "v2.example" },
	{ "b.example", "/", "all.example" },
};

static const char *find(const char *host, const char *path)
{
	return paths_find(rules, sizeof rules / sizeof *rules, host, path);
}

START_TEST(a_path_contains_itself_and_what_is_below_it)
{
	ck_assert_str_eq(find("a.example", "/api"), "api.example");
	ck_assert_str_eq(find("a.example", "/api/"), "api.example");
	ck_assert_str_eq(find("a.example", "/api/x"), "api.example");
	ck_assert_ptr_null(find("a.example", "/apis"));
	ck_assert_ptr_null(find("a.example", "/"));
	ck_assert_ptr_null(find("a.example", ""));
	ck_assert_str_eq(find("b.example", "/x"), "all.example");
	ck_assert_ptr_null(find("c.example", "/api"));
	ck_assert_str_eq(find("a.example.", "/api"), "api.example");
	ck_assert_ptr_null(find("a.example..", "/api"));
}
END_TEST

START_TEST(the_longest_path_counts)
{
	ck_assert_str_eq(find("a.example", "/api/v2/x"), "v2.example");
	ck_assert_str_eq(find("a.example", "/api/v2"), "api.example");
	ck_assert_ptr_null(paths_find(NULL, 0, "a.example", "/api"));
}
END_TEST

static enum path_fault check(const char *host, const char *path)
{
	struct path_rule rule = { host, path, "name" };

	return paths_check(&rule, 0);
}

START_TEST(a_rule_that_no_request_meets)
{
	ck_assert_int_eq(check("a.example", "/api"), PATH_GOOD);
	ck_assert_int_eq(check("A.Example.", "/"), PATH_GOOD);
	ck_assert_int_eq(check("[::1]", "/"), PATH_GOOD);
	ck_assert_int_eq(check("192.0.2.1", "/a*b/"), PATH_GOOD);
	ck_assert_int_eq(check("*.example", "/"), PATH_BAD_HOST);
	ck_assert_int_eq(check("a.example:80", "/"), PATH_BAD_HOST);
	ck_assert_int_eq(check("http://a.example", "/"), PATH_BAD_HOST);
	ck_assert_int_eq(check("a.example", "api"), PATH_NO_SLASH);
	ck_assert_int_eq(check("a.example", "*"), PATH_NO_SLASH);
	ck_assert_int_eq(check("a.example", "/api?x"), PATH_UNKNOWN);
	ck_assert_int_eq(check("a.example", "/a b"), PATH_UNKNOWN);
	ck_assert_int_eq(check("a.example", "/api/*"), PATH_WILDCARD);
}
END_TEST

START_TEST(a_rule_that_is_there_twice)
{
	static const struct path_rule twice[] = { { "a.example", "/x", "one" },
		                                  { "a.example", "/", "two" },
		                                  { "A.example.", "/x", "three" } };

	ck_assert_int_eq(paths_check(twice, 1), PATH_GOOD);
	ck_assert_int_eq(paths_check(twice, 2), PATH_TWICE);
	ck_assert_uint_eq(paths_find_twin(twice, 2), 0);
}
END_TEST

SUITE("paths", a_path_contains_itself_and_what_is_below_it, the_longest_path_counts,
      a_rule_that_no_request_meets, a_rule_that_is_there_twice)
