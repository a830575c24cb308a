#include "format.h"

#include "suite.h"

static const spore_event event = {
	.type = SPORE_EVENT_VISITOR_ENDED,
	.wall_ms = 1767225600123,
	.peer = { .family = 4, .port = 80, .ip = { [10] = 0xff, [11] = 0xff, 192, 0, 2, 1 } },
	.tunnel = 7,
	.port = 4000,
	.bytes_up = 12,
	.identity = { "al ice", 6 },
	.reason = { "closed", 6 },
};

static void expect(const char *format_text, const char *expected)
{
	char error[FORMAT_ERROR_SIZE];
	struct format *format = format_new(format_text, error);
	struct text text = { 0 };

	ck_assert_msg(format != NULL, "%s", error);
	format_write(format, &event, &text);
	ck_assert_uint_eq(text.len, strlen(expected));
	if (text.len) /* otherwise there are no bytes */
		ck_assert_mem_eq(text.bytes, expected, text.len);
	text_fini(&text);
	format_free(format);
}

START_TEST(placeholders_are_filled)
{
	expect("{time} {event} {peer}", "2026-01-01T00:00:00.123Z visitor_ended 192.0.2.1:80");
	expect("{ip}|{tunnel}|{port}|{bytes_up}|{bytes_down}|{identity}|{reason}",
	       "192.0.2.1|7|4000|12|0|\"al ice\"|closed");
	expect("", "");
	expect("no field", "no field");
}
END_TEST

START_TEST(what_an_event_does_not_have_is_a_dash)
{
	expect("{name} {visitors} {plugin}", "- - -");
}
END_TEST

START_TEST(doubled_braces_are_single_ones)
{
	expect("{{{port}}} }}{{", "{4000} }{");
}
END_TEST

static void expect_error(const char *format_text, const char *expected)
{
	char error[FORMAT_ERROR_SIZE];

	ck_assert_ptr_null(format_new(format_text, error));
	ck_assert_str_eq(error, expected);
}

#define LIST                                                                                       \
	"expected one of time|event|peer|ip|reason|port|tunnel|visitor|bytes_up|bytes_down|"       \
	"duration_ms|visitors|plugin|identity|name|detail between braces, found "

START_TEST(a_wrong_format_is_refused)
{
	expect_error("{time} {addr}", LIST "{addr}");
	expect_error("{}", LIST "{}");
	expect_error("{time", "expected } after {time");
	expect_error("{time {peer}", "expected } after {time ");
	expect_error("time}", "expected }} for a single brace");
	expect_error("{", "expected } after {");
	expect_error("a\nb", "expected no control character");
	expect_error("{ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZ}",
	             LIST "{ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMN}");
}
END_TEST

static void expect_value(const char *bytes, size_t len, const char *expected)
{
	struct text text = { 0 };

	format_quote((spore_str){ bytes, len }, &text);
	ck_assert_uint_eq(text.len, strlen(expected));
	ck_assert_mem_eq(text.bytes, expected, text.len);
	text_fini(&text);
}

START_TEST(values_that_could_mislead_are_quoted)
{
	expect_value("a.b-c_d:1@x/+,%[]", 17, "a.b-c_d:1@x/+,%[]");
	expect_value("-", 1, "\"-\"");
	expect_value("", 0, "\"\"");
	expect_value("a b=c", 5, "\"a b=c\"");
	expect_value("\"\\", 2, "\"\\\"\\\\\"");
	expect_value("a\nb\r\t\x1b", 6, "\"a\\x0ab\\x0d\\x09\\x1b\"");
	expect_value("a\0b", 3, "\"a\\x00b\"");
	expect_value("\xc3\xa9\x7f\x9b", 4, "\"\\xc3\\xa9\\x7f\\x9b\"");
}
END_TEST

/* Whatever bytes a value has, a line stays one line, and its quotes are balanced. */
START_TEST(every_byte_is_harmless)
{
	for (int byte = 0; byte < 256; byte++) {
		char value[3] = { 'a', (char)byte, 'b' };
		struct text text = { 0 };

		format_quote((spore_str){ value, 3 }, &text);
		for (size_t i = 0; i < text.len; i++)
			ck_assert(text.bytes[i] >= 0x20 && text.bytes[i] <= 0x7e);
		if (text.len > 3)
			ck_assert(text.bytes[0] == '"' && text.bytes[text.len - 1] == '"');
		text_fini(&text);
	}
}
END_TEST

START_TEST(pairs_name_what_there_is)
{
	static const char expected[] =
		"visitor_ended peer=192.0.2.1:80 reason=closed port=4000 tunnel=7 bytes_up=12 "
		"bytes_down=0 duration_ms=0 identity=\"al ice\"";
	struct text text = { 0 };

	format_write_pairs(&event, false, &text);
	ck_assert_uint_eq(text.len, strlen(expected));
	ck_assert_mem_eq(text.bytes, expected, text.len);
	text_clear(&text);
	format_write_pairs(&event, true, &text);
	ck_assert_mem_eq(text.bytes, "2026-01-01T00:00:00.123Z visitor_ended ", 39);
	text_fini(&text);
}
END_TEST

SUITE("format", placeholders_are_filled, what_an_event_does_not_have_is_a_dash,
      doubled_braces_are_single_ones, a_wrong_format_is_refused,
      values_that_could_mislead_are_quoted, every_byte_is_harmless, pairs_name_what_there_is)
