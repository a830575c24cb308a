#include "http1.h"

#include "routehttp/heads.h"

static struct heads_bytes text(const char *request)
{
	struct heads_bytes b = { .n = 0 };

	heads_add(&b, request, strlen(request));
	return b;
}

static void expect(const char *request, const char *host, const char *path)
{
	struct heads_bytes b = text(request);

	heads_expect(&b, host, path);
	heads_add(&b, "\x01 body or further request", 25);
	heads_expect(&b, host, path);
}

static void expect_wrong(const char *request, const char *why)
{
	struct heads_bytes b = text(request);

	heads_expect_wrong(&b, why);
}

static void expect_result(const char *request, enum head_result result)
{
	struct heads_bytes b = text(request);

	heads_expect_other(&b, result);
}

START_TEST(the_host_is_read_in_lower_case_and_without_port)
{
	expect("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "a.example", "/");
	expect("GET /x/y?z=1 HTTP/1.1\r\nAccept: */*\r\nhOST:\tA.Example:8080 \r\n\r\n",
	       "a.example", "/x/y");
	expect("POST /x HTTP/1.0\r\nHost:a_b-c.example:\r\nX:\r\n\r\n", "a_b-c.example", "/x");
	expect("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "a", "");
	expect("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "a", "/");
}
END_TEST

START_TEST(addresses_are_read)
{
	expect("GET / HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n", "127.0.0.1", "/");
	expect("GET / HTTP/1.1\r\nHost: [2001:DB8::1]:80\r\n\r\n", "[2001:db8::1]", "/");
	expect("GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n", "[::1]", "/");
}
END_TEST

START_TEST(a_request_without_a_host_has_none)
{
	expect("GET / HTTP/1.0\r\n\r\n", "", "/");
	expect("GET / HTTP/1.1\r\nHost:\r\n\r\n", "", "/");
}
END_TEST

START_TEST(a_whole_url_is_the_host)
{
	expect("GET http://A.example:80/x?y HTTP/1.1\r\nHost: a.example\r\n\r\n", "a.example",
	       "/x");
	expect("GET HTTPS://a.example HTTP/1.0\r\n\r\n", "a.example", "");
	expect("GET http://a.example?q HTTP/1.0\r\n\r\n", "a.example", "");
	expect("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n", "a.example", "");
	expect_wrong("GET http://a.example/ HTTP/1.1\r\nHost: b.example\r\n\r\n",
	             "the field Host differs from the target of the request");
	expect_wrong("GET http:///x HTTP/1.1\r\n", "the target of the request is malformed");
	expect_wrong("GET http://u@a.example/ HTTP/1.1\r\n",
	             "the target of the request is malformed");
	expect_wrong("GET ftp://a.example/ HTTP/1.1\r\n", "the target of the request is malformed");
	expect_wrong("CONNECT /x HTTP/1.1\r\n", "the target of the request is malformed");
}
END_TEST

START_TEST(what_two_programs_may_read_differently_is_wrong)
{
	expect_wrong("GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n", "the field Host comes twice");
	expect_wrong("GET / HTTP/1.1\r\nX: a\r\n Host: b\r\n", "a field goes on in the next line");
	expect_wrong("GET / HTTP/1.1\r\nHost : b\r\n", "a field is malformed");
	expect_wrong("GET / HTTP/1.1\r\nHost\r\n", "a field is malformed");
	expect_wrong("GET / HTTP/1.1\r\n: x\r\n", "a field is malformed");
	expect_wrong("GET / HTTP/1.1\nHost: a\n\n", "a line ends without CR");
	expect_wrong("GET / HTTP/1.1\r\nX: a\rHost: b\r\n", "a line contains CR");
	expect_wrong("GET / HTTP/1.1\r\nHost: a b\r\n", "the field Host is malformed");
	expect_wrong("GET / HTTP/1.1\r\nHost: a,b\r\n", "the field Host is malformed");
	expect_wrong("GET / HTTP/1.1\r\nHost: u@a\r\n", "the field Host is malformed");
	expect_wrong("GET / HTTP/1.1\r\nHost: a:8o\r\n", "the field Host is malformed");
	expect_wrong("GET / HTTP/1.1\r\nHost: a:123456\r\n", "the field Host is malformed");
	expect_wrong("GET / HTTP/1.1\r\nHost: [::1\r\n", "the field Host is malformed");
	expect_wrong("GET / HTTP/1.1\r\nHost: []\r\n", "the field Host is malformed");
	expect_wrong("GET / HTTP/1.1\r\nHost: [::1]a\r\n", "the field Host is malformed");
}
END_TEST

START_TEST(a_zero_byte_is_wrong)
{
	struct heads_bytes b = text("GET / HTTP/1.1\r\nHost: a");

	heads_add(&b, "\0b\r\n\r\n", 6);
	heads_expect_wrong(&b, "a line contains a zero byte");
}
END_TEST

START_TEST(other_protocols_are_not_http)
{
	expect_result("SSH-2.0-OpenSSH\r\n", HEAD_OTHER);
	expect_result("\x16\x03\x01\x02", HEAD_OTHER);
	expect_result("GET /\r\n", HEAD_OTHER);
	expect_result("GET / HTTP/2.0\r\n", HEAD_OTHER);
	expect_result("GET / FTP\r\n", HEAD_OTHER);
	expect_result("EHLO  HTTP\r\n", HEAD_OTHER);
	expect_result("abcdefghijklmnopqrstuvwxyzabcdefghijk", HEAD_OTHER);
	expect_result(" GET", HEAD_OTHER);
}
END_TEST

/* The visitor may be slow, or never send the rest. */
START_TEST(an_incomplete_head_needs_more_and_shows_its_host)
{
	struct heads_bytes b = text("GET / HTTP/1.1\r\nHost: a\r\nCookie: ");
	struct head head;

	for (size_t i = 0; i < 16000; i++)
		heads_add(&b, "x", 1);
	ck_assert_int_eq(heads_read_first(&b, b.n, &head), HEAD_MORE);
	ck_assert_str_eq(head.host, "a");
	expect_result("GET / HTTP/1.1\r\n", HEAD_MORE);
	expect_result("GET", HEAD_MORE);
	expect_result("\r\n\r", HEAD_MORE);
	expect_result("", HEAD_MORE);
}
END_TEST

SUITE("http1", the_host_is_read_in_lower_case_and_without_port, addresses_are_read,
      a_request_without_a_host_has_none, a_whole_url_is_the_host,
      what_two_programs_may_read_differently_is_wrong, a_zero_byte_is_wrong,
      other_protocols_are_not_http, an_incomplete_head_needs_more_and_shows_its_host)
