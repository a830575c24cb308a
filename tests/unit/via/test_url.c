/* The URL of a proxy. */
#include "url.h"

#include <string.h>

#include "suite.h"

static void check_url(const char *text, enum proxy_kind kind, const char *user, const char *host,
                      unsigned port)
{
	struct proxy_url url;
	const char *why = proxy_url_read(text, &url);

	ck_assert_msg(!why, "%s: %s", text, why);
	ck_assert_int_eq(url.kind, kind);
	ck_assert_str_eq(url.user, user);
	ck_assert_str_eq(url.host, host);
	ck_assert_uint_eq(url.port, port);
}

START_TEST(what_curl_takes_is_taken)
{
	check_url("http://p.test:3128", PROXY_HTTP, "", "p.test", 3128);
	check_url("HTTP://p.test:3128/", PROXY_HTTP, "", "p.test", 3128);
	check_url("p.test:3128", PROXY_HTTP, "", "p.test", 3128);
	check_url("p.test", PROXY_HTTP, "", "p.test", 1080);
	check_url("socks5://10.0.0.1", PROXY_SOCKS5, "", "10.0.0.1", 1080);
	check_url("socks5h://me@[::1]:9", PROXY_SOCKS5H, "me", "::1", 9);
	check_url("[::1]", PROXY_HTTP, "", "::1", 1080);
	check_url("http://a%40b%3Ac%25@p:1", PROXY_HTTP, "a@b:c%", "p", 1);
	check_url("http://a@b@p:1", PROXY_HTTP, "a@b", "p", 1);
}
END_TEST

START_TEST(what_is_wrong_is_refused)
{
	static const char *const wrong[] = {
		"",           "http://",        "https://p:1",     "socks4://p:1", "socks4a://p",
		"ftp://p",    "http://p:0",     "http://p:65536",  "http://p:",    "http://p:x",
		"http://:80", "http://[::1",    "http://[::1]x",   "http://p/x",   "http://p?x",
		"http://p p", "http://me:pw@p", "http://a%0ab@p",  "http://a%4@p", "http://a%zz@p",
		"http://p\n", "http://[]:1",    "http://p:123456", "http://:@p",   "http://p:1:2",
	};
	char longest[600] = "http://";
	struct proxy_url url;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		ck_assert_msg(proxy_url_read(wrong[i], &url) != NULL, "%s", wrong[i]);
	memset(longest + 7, 'a', URL_HOST_MAX);
	ck_assert_ptr_null(proxy_url_read(longest, &url));
	longest[7 + URL_HOST_MAX] = 'a';
	ck_assert_ptr_nonnull(proxy_url_read(longest, &url));
	longest[7 + URL_USER_MAX] = '@';
	longest[8 + URL_USER_MAX] = 'p';
	ck_assert_ptr_null(proxy_url_read(longest, &url));
	longest[7 + URL_USER_MAX] = 'a';
	longest[8 + URL_USER_MAX] = '@';
	longest[9 + URL_USER_MAX] = 'p';
	ck_assert_ptr_nonnull(proxy_url_read(longest, &url));
}
END_TEST

static const char *found(const char *text)
{
	static struct proxy_url url;

	ck_assert_ptr_nonnull(proxy_url_read(text, &url));
	return url.found;
}

/* What may hold a password is not for a message. */
START_TEST(a_scheme_alone_is_found)
{
	ck_assert_str_eq(found("ftp://p"), "ftp");
	ck_assert_str_eq(found("SOCKS4a://me:pw@p"), "SOCKS4a");
	ck_assert_str_eq(found("me:pw@ftp://p"), "");
	ck_assert_str_eq(found("me pw://p"), "");
	ck_assert_str_eq(found("fifteen-letters://p"), "fifteen-letters");
	ck_assert_str_eq(found("sixteen--letters://p"), "");
	ck_assert_str_eq(found("http://p:0"), "");
}
END_TEST

SUITE("url", what_curl_takes_is_taken, what_is_wrong_is_refused, a_scheme_alone_is_found)
