/* What a client and a proxy say, byte by byte and at once. */
#include "protocol.h"

#include <string.h>

#include "suite.h"

static struct proxy_url url;
static struct talk talk;

static void begin(const char *proxy, const char *password, const char *host, unsigned port)
{
	ck_assert_ptr_null(proxy_url_read(proxy, &url));
	talk = (struct talk){ .url = &url,
		              .password = { password, strlen(password) },
		              .host = host,
		              .port = (uint16_t)port };
	ck_assert_int_eq(protocol_begin(&talk), TALK_SEND);
}

static void check_out(const void *bytes, size_t len)
{
	ck_assert_uint_eq(talk.out_len, len);
	ck_assert_mem_eq(talk.out, bytes, len);
	talk_wipe(&talk);
	ck_assert_uint_eq(talk.out_len, 0);
	for (size_t i = 0; i < len; i++)
		ck_assert_uint_eq(talk.out[i], 0);
}

/* Each byte but the last leads to TALK_MORE. */
static void check_bytes(const void *bytes, size_t len, enum talk_result expected)
{
	for (size_t i = 0; i < len; i++) {
		talk.in[talk.in_len++] = ((const uint8_t *)bytes)[i];
		ck_assert_msg(protocol_take(&talk) == (i + 1 < len ? TALK_MORE : expected),
		              "byte %zu: %s", i, talk.error);
	}
}

static enum talk_result take(const void *bytes, size_t len)
{
	memcpy(talk.in + talk.in_len, bytes, len);
	talk.in_len += len;
	return protocol_take(&talk);
}

#define CHECK_OUT(text)       check_out(text, sizeof(text) - 1)
#define CHECK(text, expected) check_bytes(text, sizeof(text) - 1, expected)
#define TAKE(text)            take(text, sizeof(text) - 1)

START_TEST(connect_asks_for_the_server)
{
	begin("p:1", "", "h.test", 7835);
	CHECK_OUT("CONNECT h.test:7835 HTTP/1.1\r\nHost: h.test:7835\r\n\r\n");
	begin("http://me@p:1", "pass:word", "::1", 80);
	CHECK_OUT("CONNECT [::1]:80 HTTP/1.1\r\nHost: [::1]:80\r\n"
	          "Proxy-Authorization: Basic bWU6cGFzczp3b3Jk\r\n\r\n");
}
END_TEST

START_TEST(the_largest_request_fits)
{
	char proxy[600] = "http://", password[TALK_SECRET_MAX + 1], host[URL_HOST_MAX + 1];

	memset(proxy + 7, 'u', URL_USER_MAX);
	strcat(proxy, "@p");
	memset(password, 'p', TALK_SECRET_MAX);
	memset(host, 'h', URL_HOST_MAX);
	password[TALK_SECRET_MAX] = host[URL_HOST_MAX] = '\0';
	begin(proxy, password, host, 65535);
	ck_assert_mem_eq(talk.out + talk.out_len - 4, "\r\n\r\n", 4);
	strcpy(proxy, "socks5h://");
	memset(proxy + 10, 'u', URL_USER_MAX);
	strcpy(proxy + 10 + URL_USER_MAX, "@p");
	begin(proxy, password, host, 65535);
	ck_assert_int_eq(TAKE("\5\2"), TALK_SEND);
	ck_assert_uint_eq(talk.out_len, 3 + URL_USER_MAX + TALK_SECRET_MAX);
	ck_assert_int_eq(TAKE("\1\0"), TALK_SEND);
	ck_assert_uint_eq(talk.out_len, 7 + URL_HOST_MAX);
}
END_TEST

START_TEST(a_2xx_opens_the_way)
{
	begin("p", "", "h", 1);
	CHECK("HTTP/1.1 200 Connection established\r\nA: b\r\n\r\n", TALK_OPEN);
	ck_assert_uint_eq(talk.in_len, 0);
	begin("p", "", "h", 1);
	CHECK("HTTP/1.0 299\n\n", TALK_OPEN);
	begin("p", "", "h", 1);
	CHECK("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", TALK_OPEN);
}
END_TEST

START_TEST(what_follows_belongs_to_the_server)
{
	begin("p", "", "h", 1);
	ck_assert_int_eq(TAKE("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n\r\nhi"), TALK_OPEN);
	ck_assert_uint_eq(talk.in_len, 4);
	ck_assert_mem_eq(talk.in, "\r\nhi", 4);
	begin("socks5://p", "", "10.0.0.1", 1);
	ck_assert_int_eq(TAKE("\5\0"), TALK_SEND);
	ck_assert_int_eq(TAKE("\5\0\0\1\1\2\3\4\0\1hi"), TALK_OPEN);
	ck_assert_mem_eq(talk.in, "hi", 2);
}
END_TEST

static void check_error(enum talk_result result, const char *expected)
{
	ck_assert_int_eq(result, TALK_FAILED);
	ck_assert_msg(strcmp(talk.error, expected) == 0, "%s", talk.error);
}

START_TEST(other_replies_are_told)
{
	begin("p", "", "h", 1);
	check_error(TAKE("HTTP/1.1 403 No\x1b[m\r\n\r\n"),
	            "proxy p:1080: it has refused CONNECT h:1 with \"403 No\\x1b[m\"");
	begin("p", "", "h", 1);
	check_error(TAKE("HTTP/1.1 407 Auth\r\n\r\n"),
	            "proxy p:1080: it has refused CONNECT h:1 with \"407 Auth\": it wants a user "
	            "(in the URL) and a password");
	begin("[::1]:9", "", "h", 1);
	check_error(TAKE("SSH-2.0\r\n"), "proxy [::1]:9: expected a reply of HTTP/1.1, found "
	                                 "\"SSH-2.0\": is it an HTTP proxy?");
	begin("p", "", "h", 1);
	ck_assert_int_eq(TAKE("HTTP/2"), TALK_FAILED);
	begin("p", "", "h", 1);
	ck_assert_int_eq(TAKE("HTTP/1.1 20 OK\r\n\r\n"), TALK_FAILED);
	begin("p", "", "h", 1);
	ck_assert_int_eq(TAKE("HTTP/1.1 2000 OK\r\n\r\n"), TALK_FAILED);
}
END_TEST

START_TEST(a_reply_is_bounded)
{
	begin("p", "", "h", 1);
	memset(talk.in, 'x', sizeof talk.in);
	memcpy(talk.in, "HTTP/1.1 200 ", 13);
	talk.in_len = sizeof talk.in - 1;
	ck_assert_int_eq(protocol_take(&talk), TALK_MORE);
	talk.in_len++;
	check_error(protocol_take(&talk),
	            "proxy p:1080: the head of its reply is longer than 8192 bytes");
}
END_TEST

START_TEST(socks_asks_for_a_name_or_an_address)
{
	begin("socks5h://p", "", "h.test", 258);
	CHECK_OUT("\5\1\0");
	CHECK("\5\0", TALK_SEND);
	CHECK_OUT("\5\1\0\3\6h.test\1\2");
	CHECK("\5\0\0\3\2ab\0\1", TALK_OPEN);
	begin("socks5://p", "", "1.2.3.4", 5);
	ck_assert_int_eq(TAKE("\5\0"), TALK_SEND);
	CHECK_OUT("\5\1\0\1\1\2\3\4\0\5");
	begin("socks5://p", "", "::1", 5);
	ck_assert_int_eq(TAKE("\5\0"), TALK_SEND);
	CHECK_OUT("\5\1\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\5");
	CHECK("\5\0\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\5", TALK_OPEN);
}
END_TEST

START_TEST(socks_may_want_a_password)
{
	begin("socks5h://me@p", "word", "h", 1);
	CHECK_OUT("\5\2\0\2");
	CHECK("\5\2", TALK_SEND);
	CHECK_OUT("\1\2me\4word");
	CHECK("\1\0", TALK_SEND);
	CHECK_OUT("\5\1\0\3\1h\0\1");
	begin("socks5h://me@p", "word", "h", 1);
	ck_assert_int_eq(TAKE("\5\2"), TALK_SEND);
	check_error(TAKE("\1\1"),
	            "proxy p:1080: it has refused the user or the password (status 1)");
	begin("socks5h://me@p", "", "h", 1);
	ck_assert_int_eq(TAKE("\5\0"), TALK_SEND); /* it wants none */
}
END_TEST

START_TEST(socks_tells_why)
{
	begin("socks5h://p", "", "h", 1);
	ck_assert_int_eq(TAKE("\5\xff"), TALK_FAILED);
	begin("socks5h://p", "", "h", 1);
	check_error(TAKE("\5\2"), "proxy p:1080: it has chosen method 2, which was not offered");
	begin("socks5h://p", "", "h", 1);
	check_error(TAKE("HTTP"), "proxy p:1080: expected the choice of a method of SOCKS 5, found "
	                          "\"HTTP\": is it a SOCKS 5 proxy?");
	begin("socks5h://p", "", "h", 1);
	ck_assert_int_eq(TAKE("\5\0"), TALK_SEND);
	check_error(TAKE("\5\4"),
	            "proxy p:1080: it cannot connect to h:1: host unreachable (reply 4)");
	begin("socks5h://p", "", "h", 1);
	ck_assert_int_eq(TAKE("\5\0"), TALK_SEND);
	check_error(TAKE("\5\x99"),
	            "proxy p:1080: it cannot connect to h:1: unknown reply (reply 153)");
	begin("socks5h://p", "", "h", 1);
	ck_assert_int_eq(TAKE("\5\0"), TALK_SEND);
	ck_assert_int_eq(TAKE("\5\0\0\7"), TALK_FAILED);
}
END_TEST

SUITE("talk", connect_asks_for_the_server, the_largest_request_fits, a_2xx_opens_the_way,
      what_follows_belongs_to_the_server, other_replies_are_told, a_reply_is_bounded,
      socks_asks_for_a_name_or_an_address, socks_may_want_a_password, socks_tells_why)
