#include "log/logline.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "suite.h"

enum { WHEN = 1500 };

static char *line_of(enum log_format format, const char *event, const struct log_field *fields,
                     size_t n)
{
	static char line[LOGLINE_MAX + 16];
	size_t len;

	memset(line, '#', sizeof line);
	len = logline_format(format, WHEN, LOG_WARN, event, fields, n, line);
	ck_assert_uint_le(len, LOGLINE_MAX);
	ck_assert_mem_eq(line + LOGLINE_MAX, "################", 16);
	ck_assert_int_eq(line[len - 1], '\n');
	ck_assert_ptr_eq(memchr(line, '\n', len), line + len - 1);
	line[len - 1] = '\0';
	return line;
}

static void check_printable(const char *line)
{
	const char *c = line;

	while (*c >= 0x20 && *c < 0x7F)
		c++;
	ck_assert_msg(*c == '\0', "%s", line);
}

START_TEST(text_lines)
{
	const struct log_field fields[] = { log_str("peer", "127.0.0.1:80"), log_int("port", -5),
		                            log_str("why", "two words"), log_str("none", ""),
		                            log_str("null", NULL) };

	ck_assert_str_eq(line_of(LOG_FORMAT_TEXT, "new client", fields, 5),
	                 "1970-01-01T00:00:01.500Z warn  new client peer=127.0.0.1:80 port=-5 "
	                 "why=\"two words\" "
	                 "none=\"\" null=\"\"");
	ck_assert_str_eq(line_of(LOG_FORMAT_TEXT, "bare", NULL, 0),
	                 "1970-01-01T00:00:01.500Z warn  bare");
}
END_TEST

/* Only a field in quotes needs them. */
START_TEST(a_quote_is_escaped_in_quotes)
{
	const struct log_field field = log_str("why", "a \"b\" \\");

	ck_assert_str_eq(line_of(LOG_FORMAT_TEXT, "expected \"x\" \\", &field, 1),
	                 "1970-01-01T00:00:01.500Z warn  expected \"x\" \\\\ "
	                 "why=\"a \\\"b\\\" \\\\\"");
}
END_TEST

START_TEST(lines_for_the_journal)
{
	static const char *const priorities[] = { "<7>trace ", "<7>debug ", "<6>info ", "<4>warn ",
		                                  "<3>error " };
	char line[LOGLINE_MAX];

	for (size_t i = 0; i < sizeof priorities / sizeof *priorities; i++) {
		logline_format(LOG_FORMAT_JOURNAL, WHEN, (enum log_level)i, "bare", NULL, 0, line);
		ck_assert_int_eq(strncmp(line, priorities[i], strlen(priorities[i])), 0);
		ck_assert_str_eq(logline_priority(LOG_FORMAT_TEXT, (enum log_level)i), "");
	}
	ck_assert_str_eq(line_of(LOG_FORMAT_JOURNAL, "bare", NULL, 0), "<4>warn  bare");
	ck_assert_str_eq(line_of(LOG_FORMAT_JOURNAL_JSON, "bare", NULL, 0),
	                 "<4>{\"time\":\"1970-01-01T00:00:01.500Z\",\"level\":\"warn\",\"event\":"
	                 "\"bare\"}");
}
END_TEST

START_TEST(bare_lines)
{
	const struct log_field fields[] = { log_str("plugin", "a") };

	ck_assert_str_eq(line_of(LOG_FORMAT_BARE, "it denies nobody", fields, 1),
	                 "it denies nobody plugin=a");
	ck_assert_str_eq(logline_priority(LOG_FORMAT_BARE, LOG_WARN), "");
}
END_TEST

START_TEST(json_lines)
{
	const struct log_field fields[] = { log_str("peer", "a\"b"), log_int("port", INT64_MIN) };

	ck_assert_str_eq(line_of(LOG_FORMAT_JSON, "new client", fields, 2),
	                 "{\"time\":\"1970-01-01T00:00:01.500Z\",\"level\":\"warn\",\"event\":"
	                 "\"new client\","
	                 "\"peer\":\"a\\\"b\",\"port\":-9223372036854775808}");
}
END_TEST

/* Compares with the C library's calendar: it repeats after 400 years. */
START_TEST(dates_are_those_of_the_calendar)
{
	for (int64_t day = 0; day < 400 * 365 + 97; day++) {
		time_t seconds = (time_t)day * 86400 + day % 86400;
		char expected[32], line[LOGLINE_MAX];
		struct tm tm;

		strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &tm));
		logline_format(LOG_FORMAT_TEXT, (int64_t)seconds * 1000 + day % 1000, LOG_INFO, "x",
		               NULL, 0, line);
		ck_assert_msg(strncmp(line, expected, 19) == 0, "%.24s is %s", line, expected);
		ck_assert_int_eq(atoi(line + 20), (int)(day % 1000));
		ck_assert_int_eq(line[23], 'Z');
	}
}
END_TEST

START_TEST(levels_have_names)
{
	static const char *const names[] = { "trace", "debug", "info", "warn", "error" };

	for (int i = LOG_TRACE; i <= LOG_ERROR; i++) {
		char line[LOGLINE_MAX];
		size_t len = logline_format(LOG_FORMAT_TEXT, 0, (enum log_level)i, "x", NULL, 0,
		                            line);

		ck_assert_uint_gt(len, 0);
		ck_assert_mem_eq(line + 25, names[i], strlen(names[i]));
	}
}
END_TEST

START_TEST(hostile_bytes_are_escaped)
{
	char bytes[256];
	struct log_field field;
	cJSON *tree;

	for (int i = 0; i < 256; i++)
		bytes[i] = (char)i;
	field = log_text("x", bytes, sizeof bytes);
	check_printable(line_of(LOG_FORMAT_TEXT, "a\x1b[2Jb\nc", &field, 1));
	ck_assert_ptr_nonnull(
		strstr(line_of(LOG_FORMAT_TEXT, "a\x1b[2Jb\nc", &field, 1), "a\\x1b[2Jb\\x0ac"));
	check_printable(line_of(LOG_FORMAT_JSON, "a\x1b[2Jb\nc", &field, 1));
	tree = cJSON_Parse(line_of(LOG_FORMAT_JSON, "a\x1b[2Jb\nc", &field, 1));
	ck_assert_ptr_nonnull(tree);
	ck_assert_str_eq(cJSON_GetObjectItem(tree, "event")->valuestring, "a\x1b[2Jb\nc");
	cJSON_Delete(tree);
}
END_TEST

/* A value must not look like the end of the value and another field. */
START_TEST(values_cannot_forge_fields)
{
	struct log_field fields[] = { log_str("id", "x admin=1"), log_str("b", "x=1"),
		                      log_str("c", "q\" d=\"1") };

	ck_assert_str_eq(
		line_of(LOG_FORMAT_TEXT, "e", fields, 3),
		"1970-01-01T00:00:01.500Z warn  e id=\"x admin=1\" b=\"x=1\" c=\"q\\\" d=\\\"1\"");
}
END_TEST

static void check_json(const char *event, const struct log_field *fields, size_t n)
{
	const char *line = line_of(LOG_FORMAT_JSON, event, fields, n);
	cJSON *tree = cJSON_ParseWithOpts(line, NULL, 1);

	ck_assert_msg(tree != NULL, "no JSON (%zu bytes): ...%s", strlen(line),
	              strlen(line) > 60 ? line + strlen(line) - 60 : line);
	cJSON_Delete(tree);
	check_printable(line);
}

START_TEST(a_long_value_is_cut_and_stays_json)
{
	static char value[3000];

	for (int kind = 0; kind < 3; kind++) {
		for (size_t len = kind ? 250 : 1850; len < (kind ? 420 : 2100); len++) {
			struct log_field fields[3];

			for (size_t i = 0; i < len; i++)
				value[i] = kind == 0 || (kind == 2 && i % 3) ? 'x' : '\x01';
			fields[0] = log_text("a", value, len);
			fields[1] = log_int("n", INT64_MIN);
			fields[2] = log_text("b", value, len);
			check_json("event", fields, 3);
			line_of(LOG_FORMAT_TEXT, "event", fields, 3);
		}
	}
}
END_TEST

START_TEST(many_fields_are_cut_and_stay_json)
{
	struct log_field fields[200];
	char values[200][24];

	for (size_t n = 0; n < 200; n++) {
		snprintf(values[n], sizeof values[n], "%.*s", (int)(n % 23),
		         "\"\\\x01 aaaaaaaaaaaaaaaaaaaa");
		fields[n] = n % 2 ? log_str("key", values[n])
		                  : log_int("a_number", -1000000000000000000 + (int)n);
		check_json("event", fields, n + 1);
		line_of(LOG_FORMAT_TEXT, "event", fields, n + 1);
	}
}
END_TEST

/* A plugin's line is an event of up to 511 bytes, each of which may take six in JSON. */
START_TEST(a_long_event_is_cut_and_stays_json)
{
	char event[512];
	struct log_field field = log_str("plugin", "x");

	for (size_t plain = 0; plain < 12; plain++) {
		for (size_t len = plain; len < sizeof event; len++) {
			memset(event, '\x01', len);
			memset(event, 'x', plain);
			event[len] = '\0';
			check_json(event, &field, 1);
			line_of(LOG_FORMAT_TEXT, event, &field, 1);
		}
	}
}
END_TEST

SUITE("logline", bare_lines, a_quote_is_escaped_in_quotes, text_lines, lines_for_the_journal,
      json_lines, dates_are_those_of_the_calendar, levels_have_names, hostile_bytes_are_escaped,
      values_cannot_forge_fields, a_long_value_is_cut_and_stays_json,
      many_fields_are_cut_and_stay_json, a_long_event_is_cut_and_stays_json)
