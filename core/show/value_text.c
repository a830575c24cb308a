#include "show/value_text.h"

#include <stdio.h>
#include <string.h>

#include "show/member.h"
#include "json/json.h"

/* Bytes of a client's claim that a table shows. */
enum { CLAIM_SHOWN = 48 };

void value_text_bytes(double bytes, char out[VALUE_TEXT_SIZE])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
	size_t unit = 0;

	while (bytes >= 1024 && unit + 1 < sizeof units / sizeof *units) {
		bytes /= 1024;
		unit++;
	}
	snprintf(out, VALUE_TEXT_SIZE, "%.*f %s", unit ? 1 : 0, bytes, units[unit]);
}

void value_text_age(double ms, char out[VALUE_TEXT_SIZE])
{
	long long s = (long long)(ms / 1000);

	if (s < 60)
		snprintf(out, VALUE_TEXT_SIZE, "%llds", s);
	else if (s < 3600)
		snprintf(out, VALUE_TEXT_SIZE, "%lldm%02llds", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, VALUE_TEXT_SIZE, "%lldh%02lldm", s / 3600, s / 60 % 60);
	else
		snprintf(out, VALUE_TEXT_SIZE, "%lldd%02lldh", s / 86400, s / 3600 % 24);
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
	char age[VALUE_TEXT_SIZE];

	value_text_age(member_number(event, "age_ms"), age);
	snprintf(out, VALUE_TEXT_SIZE, "%.32s ago: %.200s", age, member_text(event, "error"));
}

/* "5.0 MiB of 1.0 GiB" */
static void format_use(const struct json *use, char out[VALUE_TEXT_SIZE])
{
	char used[VALUE_TEXT_SIZE], allowed[VALUE_TEXT_SIZE];

	value_text_bytes(member_number(use, "used"), used);
	value_text_bytes(member_number(use, "allowed"), allowed);
	snprintf(out, VALUE_TEXT_SIZE, "%.32s of %.32s", used, allowed);
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
		value_text_bytes(value->number, out);
	else if (value->type == JSON_NUMBER && format == VALUE_AGE)
		value_text_age(value->number, out);
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
	if (format == VALUE_CLAIM)
		cut_claim(out);
}
