#include "base/logline.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *const level_names[] = { "trace", "debug", "info", "warn", "error" };

struct line {
	char *out;
	size_t len; /* <= LOGLINE_MAX - tail */
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

__attribute__((format(printf, 2, 3))) static void putf(struct line *line, const char *format, ...)
{
	char text[96];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	if (n > 0)
		put(line, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

/* Untrusted bytes: printable ASCII as it is, the rest as `prefix` and two hex digits. A sequence is
 * never cut in half. */
static void put_escaped(struct line *line, const char *text, size_t len, const char *prefix)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (LOGLINE_MAX - TAIL - line->len < 6)
			return;
		if (c >= 0x20 && c < 0x7F && c != '"' && c != '\\')
			put(line, text + i, 1);
		else
			putf(line, "%s%02x", prefix, c);
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

static void put_time(struct line *line, int64_t wall_ms)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	putf(line, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
	     tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(wall_ms % 1000));
}

static void put_text_field(struct line *line, const struct log_field *field)
{
	putf(line, " %s=", field->key);
	if (!field->text)
		putf(line, "%lld", (long long)field->number);
	else if (is_bare(field->text, field->len))
		put_escaped(line, field->text, field->len, "\\x");
	else {
		put(line, "\"", 1);
		put_escaped(line, field->text, field->len, "\\x");
		put(line, "\"", 1);
	}
}

static void put_json_field(struct line *line, const struct log_field *field)
{
	putf(line, ",\"%s\":", field->key);
	if (!field->text) {
		putf(line, "%lld", (long long)field->number);
		return;
	}
	put(line, "\"", 1);
	put_escaped(line, field->text, field->len, "\\u00");
	line->out[line->len++] = '"'; /* from the tail's room if need be: the line stays JSON */
}

size_t logline_format(enum log_format format, int64_t wall_ms, enum log_level level, const char *event,
                      const struct log_field *fields, size_t n, char out[LOGLINE_MAX])
{
	struct line line = { out, 0 };
	bool json = format == LOG_FORMAT_JSON;

	if (json)
		put(&line, "{\"time\":\"", 9);
	put_time(&line, wall_ms);
	if (json) {
		putf(&line, "\",\"level\":\"%s\",\"event\":\"", level_names[level]);
		put_escaped(&line, event, strlen(event), "\\u00");
		out[line.len++] = '"'; /* from the tail's room, as below */
	} else {
		putf(&line, " %-5s ", level_names[level]);
		put_escaped(&line, event, strlen(event), "\\x");
	}
	for (size_t i = 0; i < n; i++) {
		/* Behind this mark not even a key and a number would fit whole. */
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
