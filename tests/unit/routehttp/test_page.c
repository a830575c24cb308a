#include "page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

static void check_page(const char *page, const char *length)
{
	char expected[512];
	spore_str out;

	snprintf(expected, sizeof expected,
	         "HTTP/1.1 404 Not Found\r\nContent-Type: text/html; charset=utf-8\r\n"
	         "Content-Length: %s\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n%s",
	         length, page);
	ck_assert_int_eq(page_make(spore_cstr(page), &out), 1);
	ck_assert_uint_eq(out.len, strlen(expected));
	ck_assert_mem_eq(out.ptr, expected, out.len);
	free((char *)(uintptr_t)out.ptr);
}

START_TEST(a_page_becomes_a_response)
{
	check_page("<p>no such site</p>\n", "20");
	check_page("", "0");
}
END_TEST

SUITE("page", a_page_becomes_a_response)
