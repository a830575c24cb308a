#include "log/logline.h"

#include <string.h>

#include "base/text.h"

static const char *const level_names[] = { "trace", "debug", "info", "warn", "error" };
/* The longest name of a level and one space. So all events begin in the same column. */
enum { LEVEL_WIDTH = 6 };

/* The severities of syslog. */
static const char *const priorities[] = { "<7>", "<7>", "<6>", "<4>", "<3>" };

struct line {
	char *out;
	size_t len; /* at most LOGLINE_MAX - TAIL, besides closing characters */
};
enum { TAIL = 4 }; /* room for the closing quote, brace and newline of a cut line */

static void put(struct line *line, const char *bytes, size_t len)
{
	size_t room = LOGLINE_MAX - TAIL - line->len;

	if (len > room)
		len = room;
	memcpy(line->out + line->len, bytes, len);
	line->len += len;
}

static void put_text(struct line *line, const char *text)
{
	put(line, text, strlen(text));
}

/* Puts the number with leading zeros, so that it has at least `width` digits. */
static void put_number(struct line *line, int64_t number, size_t width)
{
	char digits[24];
	size_t at = sizeof digits;
	uint64_t left = number < 0 ? -(uint64_t)number : (uint64_t)number;

	do
		digits[--at] = (char)('0' + left % 10);
	while (left /= 10);
	while (sizeof digits - at < width)
		digits[--at] = '0';
	if (number < 0)
		digits[--at] = '-';
	put(line, digits + at, sizeof digits - at);
}

/* For untrusted bytes. Printable ASCII stays, with a backslash before `\` and, in quotes, before
 * `"`; other bytes become \xNN. Writes no partial escape. */
static void put_escaped(struct line *line, const char *text, size_t len, bool in_quotes)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (LOGLINE_MAX - TAIL - line->len < 4)
			return;
		if (c >= 0x20 && c < 0x7F) {
			if (c == '\\' || (c == '"' && in_quotes))
				put(line, "\\", 1);
			put(line, text + i, 1);
			continue;
		}
		put_text(line, "\\x");
		put(line, &hex[c >> 4], 1);
		put(line, &hex[c & 15], 1);
	}
}

/* The same with the escapes of JSON. */
static void put_json_escaped(struct line *line, const char *text, size_t len)
{
	char out[TEXT_JSON_MAX];
	size_t n, out_len;

	for (size_t i = 0; i < len; i += n) {
		n = text_json(text + i, len - i, out, &out_len);
		if (LOGLINE_MAX - TAIL - line->len < out_len)
			return;
		put(line, out, out_len);
	}
}

static bool is_bare(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] <= 0x20 || text[i] >= 0x7F || strchr("\"\\=", text[i]))
			return false;
	}
	return len > 0;
}

static bool is_leap_year(int64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* `day` counts from 1970-01-01. Not gmtime_r, which takes the time zone's lock. */
static void put_date(struct line *line, int64_t day)
{
	static const uint8_t lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int64_t year = 1970, length;
	size_t month = 0;

	for (; day >= (length = 365 + is_leap_year(year)); year++)
		day -= length;
	for (; day >= (length = lengths[month] + (month == 1 && is_leap_year(year))); month++)
		day -= length;
	put_number(line, year, 4);
	put(line, "-", 1);
	put_number(line, (int64_t)month + 1, 2);
	put(line, "-", 1);
	put_number(line, day + 1, 2);
}

static void put_time(struct line *line, int64_t wall_ms)
{
	enum { DAY_MS = 86400000 };
	int64_t of_day = wall_ms % DAY_MS;

	put_date(line, wall_ms / DAY_MS);
	put(line, "T", 1);
	put_number(line, of_day / 3600000, 2);
	put(line, ":", 1);
	put_number(line, of_day / 60000 % 60, 2);
	put(line, ":", 1);
	put_number(line, of_day / 1000 % 60, 2);
	put(line, ".", 1);
	put_number(line, of_day % 1000, 3);
	put(line, "Z", 1);
}

static void put_text_field(struct line *line, const struct log_field *field)
{
	put(line, " ", 1);
	put_text(line, field->key);
	put(line, "=", 1);
	if (!field->text)
		put_number(line, field->number, 1);
	else if (is_bare(field->text, field->len))
		put_escaped(line, field->text, field->len, false);
	else {
		put(line, "\"", 1);
		put_escaped(line, field->text, field->len, true);
		put(line, "\"", 1);
	}
}

static void put_json_field(struct line *line, const struct log_field *field)
{
	put(line, ",\"", 2);
	put_text(line, field->key);
	put(line, "\":", 2);
	if (!field->text) {
		put_number(line, field->number, 1);
		return;
	}
	put(line, "\"", 1);
	put_json_escaped(line, field->text, field->len);
	line->out[line->len++] = '"'; /* uses the TAIL if there is no other room */
}

const char *logline_level_name(enum log_level level)
{
	return level_names[level];
}

static void put_head(struct line *line, enum log_format format, int64_t wall_ms,
                     enum log_level level)
{
	if (format == LOG_FORMAT_BARE)
		return;
	if (format == LOG_FORMAT_TEXT) {
		put_time(line, wall_ms);
		put(line, " ", 1);
	}
	put_text(line, level_names[level]);
	put(line, "  ", LEVEL_WIDTH - strlen(level_names[level]));
}

bool logline_is_json(enum log_format format)
{
	return format == LOG_FORMAT_JSON || format == LOG_FORMAT_JOURNAL_JSON;
}

const char *logline_priority(enum log_format format, enum log_level level)
{
	bool is_for_journal = format == LOG_FORMAT_JOURNAL || format == LOG_FORMAT_JOURNAL_JSON;

	return is_for_journal ? priorities[level] : "";
}

static void put_json_start(struct line *line, int64_t wall_ms, enum log_level level,
                           const char *event)
{
	put_text(line, "{\"time\":\"");
	put_time(line, wall_ms);
	put_text(line, "\",\"level\":\"");
	put_text(line, level_names[level]);
	put_text(line, "\",\"event\":\"");
	put_json_escaped(line, event, strlen(event));
	line->out[line->len++] = '"'; /* uses the TAIL if there is no other room */
}

size_t logline_format(enum log_format format, int64_t wall_ms, enum log_level level,
                      const char *event, const struct log_field *fields, size_t n,
                      char out[LOGLINE_MAX])
{
	struct line line = { out, 0 };
	bool json = logline_is_json(format);

	put_text(&line, logline_priority(format, level));
	if (json) {
		put_json_start(&line, wall_ms, level, event);
	} else {
		put_head(&line, format, wall_ms, level);
		put_escaped(&line, event, strlen(event), false);
	}
	for (size_t i = 0; i < n; i++) {
		/* The room left might not hold even a key and a number. */
		if (line.len > LOGLINE_MAX - TAIL - 96)
			break;
		if (json)
			put_json_field(&line, &fields[i]);
		else
			put_text_field(&line, &fields[i]);
	}
	if (json)
		out[line.len++] = '}';
	out[line.len++] = '\n';
	return line.len;
}
