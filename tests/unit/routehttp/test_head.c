#include "head.h"

#include <string.h>

#include "suite.h"

START_TEST(a_host_of_the_longest_length_is_read)
{
	char host[HEAD_HOST_SIZE];
	uint8_t text[HEAD_HOST_SIZE];

	memset(text, 'a', sizeof text);
	ck_assert(head_take_host(text, HEAD_HOST_SIZE - 1, host));
	ck_assert_uint_eq(strlen(host), HEAD_HOST_SIZE - 1);
	ck_assert(!head_take_host(text, HEAD_HOST_SIZE, host));
	ck_assert(head_take_host(text, 0, host));
	ck_assert_str_eq(host, "");
}
END_TEST

START_TEST(a_long_path_is_cut)
{
	char path[HEAD_PATH_SIZE];
	uint8_t text[2 * HEAD_PATH_SIZE];

	memset(text, '/', sizeof text);
	head_take_path(text, sizeof text, path);
	ck_assert_uint_eq(strlen(path), HEAD_PATH_SIZE - 1);
	head_take_path((const uint8_t *)"/a#b", 4, path);
	ck_assert_str_eq(path, "/a");
	head_take_path((const uint8_t *)"a", 1, path);
	ck_assert_str_eq(path, "");
}
END_TEST

SUITE("head", a_host_of_the_longest_length_is_read, a_long_path_is_cut)
