#include "format.h"

#include <stdio.h>
#include <stdlib.h>

#include "../common/event/view.h"

/* A piece of the format: a literal text, then a field. */
struct piece {
	spore_str literal;      /* in format->text */
	enum event_field field; /* EVENT_FIELDS: none */
};

struct format {
	size_t n;
	struct piece *pieces; /* owned */
	char text[];          /* the literals */
};

/* ---- reading ---- */

static bool add_piece(struct format *format, spore_str literal, enum event_field field)
{
	size_t size = (format->n + 1) * sizeof *format->pieces;
	struct piece *pieces = realloc(format->pieces, size);

	if (!pieces)
		return false;
	format->pieces = pieces;
	format->pieces[format->n++] = (struct piece){ literal, field };
	return true;
}

/* Lists the names that a placeholder may have. */
static void report_field(spore_str name, char error[FORMAT_ERROR_SIZE])
{
	char list[EVENT_LIST_SIZE];

	snprintf(error, FORMAT_ERROR_SIZE, "expected one of %s between braces, found {%.*s}",
	         event_list_fields(list), name.len > 40 ? 40 : (int)name.len, name.ptr);
}

/* Reads "{name}" at *at and moves behind it. False: it is wrong, or memory is out. */
static bool read_field(struct format *format, spore_str literal, const char **at,
                       char error[FORMAT_ERROR_SIZE])
{
	size_t len = strcspn(*at + 1, "{}");
	spore_str name = { *at + 1, len };
	enum event_field field = event_field_find(name);

	if (name.ptr[len] != '}') {
		snprintf(error, FORMAT_ERROR_SIZE, "expected } after {%.*s",
		         len > 40 ? 40 : (int)len, name.ptr);
		return false;
	}
	if (field == EVENT_FIELDS) {
		report_field(name, error);
		return false;
	}
	*at += len + 2;
	return add_piece(format, literal, field);
}

/* "{{" and "}}" are one brace. */
static bool read_literal(struct format *format, const char **at, char error[FORMAT_ERROR_SIZE])
{
	spore_str literal = { *at, strcspn(*at, "{}") };
	const char *brace = *at + literal.len;

	*at = brace;
	if (*brace == '\0')
		return add_piece(format, literal, EVENT_FIELDS);
	if (brace[1] == *brace) {
		literal.len++;
		*at = brace + 2;
		return add_piece(format, literal, EVENT_FIELDS);
	}
	if (*brace == '}') {
		snprintf(error, FORMAT_ERROR_SIZE, "expected }} for a single brace");
		return false;
	}
	return read_field(format, literal, at, error);
}

/* A line is one line, and readable everywhere. */
static bool is_clean(const char *text, char error[FORMAT_ERROR_SIZE])
{
	for (const char *at = text; *at; at++) {
		if ((unsigned char)*at < 0x20 || (unsigned char)*at == 0x7f) {
			snprintf(error, FORMAT_ERROR_SIZE, "expected no control character");
			return false;
		}
	}
	return true;
}

struct format *format_new(const char *text, char error[FORMAT_ERROR_SIZE])
{
	size_t size = strlen(text) + 1;
	struct format *format = calloc(1, sizeof *format + size);
	const char *at;

	error[0] = '\0';
	if (!format)
		return NULL;
	at = memcpy(format->text, text, size);
	if (!is_clean(text, error))
		goto fail;
	while (*at) {
		if (!read_literal(format, &at, error))
			goto fail;
	}
	return format;
fail:
	format_free(format);
	return NULL;
}

void format_free(struct format *format)
{
	if (!format)
		return;
	free(format->pieces);
	free(format);
}

/* ---- writing ---- */

static bool is_plain(spore_str value)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789._:@/+,%-[]";

	if (value.len == 0 || (value.len == 1 && *value.ptr == '-'))
		return false;
	for (size_t i = 0; i < value.len; i++) {
		if (!value.ptr[i] || !strchr(plain, value.ptr[i]))
			return false;
	}
	return true;
}

static void add_byte(struct text *out, unsigned char byte)
{
	char escape[8];

	if (byte == '"' || byte == '\\')
		snprintf(escape, sizeof escape, "\\%c", byte);
	else if (byte < 0x20 || byte > 0x7e)
		snprintf(escape, sizeof escape, "\\x%02x", byte);
	else
		snprintf(escape, sizeof escape, "%c", byte);
	text_add(out, escape, strlen(escape));
}

void format_quote(spore_str value, struct text *out)
{
	if (is_plain(value)) {
		text_add(out, value.ptr, value.len);
		return;
	}
	text_add(out, "\"", 1);
	for (size_t i = 0; i < value.len; i++)
		add_byte(out, (unsigned char)value.ptr[i]);
	text_add(out, "\"", 1);
}

static void add_value(const struct event_value *value, struct text *out)
{
	if (value->kind == EVENT_NONE)
		text_add(out, "-", 1);
	else if (value->kind == EVENT_NUMBER)
		text_add_number(out, value->number);
	else
		format_quote(value->text, out);
}

static void add_field(const spore_event *event, enum event_field field, struct text *out)
{
	struct event_value value;

	if (field == EVENT_FIELDS)
		return;
	event_look(event, field, &value);
	add_value(&value, out);
}

void format_write(const struct format *format, const spore_event *event, struct text *out)
{
	for (size_t i = 0; i < format->n; i++) {
		const struct piece *piece = &format->pieces[i];

		text_add(out, piece->literal.ptr, piece->literal.len);
		add_field(event, piece->field, out);
	}
}

void format_write_pairs(const spore_event *event, bool has_time, struct text *out)
{
	struct event_value value;

	if (has_time) {
		add_field(event, EVENT_TIME, out);
		text_add(out, " ", 1);
	}
	add_field(event, EVENT_TYPE, out);
	for (unsigned i = EVENT_TYPE + 1; i < EVENT_FIELDS; i++) {
		const char *name = event_field_name((enum event_field)i);

		event_look(event, (enum event_field)i, &value);
		if (i == EVENT_IP || value.kind == EVENT_NONE)
			continue;
		text_add(out, " ", 1);
		text_add(out, name, strlen(name));
		text_add(out, "=", 1);
		add_value(&value, out);
	}
}
