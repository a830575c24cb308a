#include "show/value_text.h"

#include <stdio.h>
#include <string.h>

#include "show/human.h"
#include "show/member.h"
#include "json/json.h"

/* Bytes of a client's claim that a table shows. */
enum { CLAIM_SHOWN = 48 };

void value_text_join(const struct json *texts, char out[VALUE_TEXT_SIZE])
{
	size_t len = 0;

	out[0] = '\0';
	for (const struct json *i = texts ? texts->first : NULL; i && len + 1 < VALUE_TEXT_SIZE;
	     i = i->next) {
		int n = snprintf(out + len, VALUE_TEXT_SIZE - len, "%s%s", len ? ", " : "",
		                 i->type == JSON_STRING ? i->raw : "");

		len += n > 0 ? (size_t)n : 0;
	}
}

/* "env=prod, team=web"; "-" if there are none. */
static void format_members(const struct json *object, char out[VALUE_TEXT_SIZE])
{
	size_t len = 0;

	for (const struct json *i = object->first; i && len + 1 < VALUE_TEXT_SIZE; i = i->next) {
		int n = snprintf(out + len, VALUE_TEXT_SIZE - len, "%s%s=%s", len ? ", " : "",
		                 i->key, i->type == JSON_STRING ? i->raw : "");

		len += n > 0 ? (size_t)n : 0;
	}
}

/* "5s ago: server error: ..." */
static void format_event(const struct json *event, char out[VALUE_TEXT_SIZE])
{
	char age[HUMAN_SIZE];

	human_age(member_number(event, "age_ms"), age);
	snprintf(out, VALUE_TEXT_SIZE, "%s ago: %.200s", age, member_text(event, "error"));
}

/* "5.0 MiB of 1.0 GiB" */
static void format_use(const struct json *use, char out[VALUE_TEXT_SIZE])
{
	char used[HUMAN_SIZE], allowed[HUMAN_SIZE];

	human_bytes(member_number(use, "used"), used);
	human_bytes(member_number(use, "allowed"), allowed);
	snprintf(out, VALUE_TEXT_SIZE, "%s of %s", used, allowed);
}

/* Cuts a text that is too long between two characters. */
static void cut_claim(char out[VALUE_TEXT_SIZE])
{
	static const char more[] = "...";
	size_t n = CLAIM_SHOWN - strlen(more);

	if (strlen(out) <= CLAIM_SHOWN)
		return;
	while (n > 0 && ((unsigned char)out[n] & 0xC0) == 0x80) /* within a character */
		n--;
	strcpy(out + n, more);
}

void value_text(const struct json *value, enum value_format format, char out[VALUE_TEXT_SIZE])
{
	snprintf(out, VALUE_TEXT_SIZE, "-");
	if (!value)
		return;
	if (value->type == JSON_STRING && *value->raw)
		snprintf(out, VALUE_TEXT_SIZE, "%s", value->raw);
	else if (value->type == JSON_BOOL)
		snprintf(out, VALUE_TEXT_SIZE, "%s", value->boolean ? "yes" : "no");
	else if (value->type == JSON_NUMBER && format == VALUE_BYTES)
		human_bytes(value->number, out);
	else if (value->type == JSON_NUMBER && format == VALUE_AGE)
		human_age(value->number, out);
	else if (value->type == JSON_NUMBER && format == VALUE_MICROSECONDS)
		snprintf(out, VALUE_TEXT_SIZE, "%.3f ms", value->number / 1000);
	else if (value->type == JSON_NUMBER)
		snprintf(out, VALUE_TEXT_SIZE, "%lld", (long long)value->number);
	else if (value->type == JSON_OBJECT && format == VALUE_EVENT)
		format_event(value, out);
	else if (value->type == JSON_OBJECT && format == VALUE_USE)
		format_use(value, out);
	else if (value->type == JSON_OBJECT)
		format_members(value, out);
	else if (value->type == JSON_ARRAY && value->first)
		value_text_join(value, out);
	if (format == VALUE_CLAIM || format == VALUE_LIST)
		cut_claim(out);
}
