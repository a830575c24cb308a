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
}
END_TEST

START_TEST(the_longest_path_counts)
{
	ck_assert_str_eq(find("a.example", "/api/v2/x"), "v2.example");
	ck_assert_str_eq(find("a.example", "/api/v2"), "api.example");
	ck_assert_ptr_null(paths_find(NULL, 0, "a.example", "/api"));
}
END_TEST

SUITE("paths", a_path_contains_itself_and_what_is_below_it, the_longest_path_counts)
