#include "json_writer.h"

#include <stdio.h>
#include <stdlib.h>

/* Not by realloc, which would leave a copy of the text unwiped. */
static void grow(struct json_writer *json, size_t least)
{
	size_t room = json->room ? json->room : 512;
	char *bytes;

	while (room < least)
		room *= 2;
	bytes = malloc(room);
	if (!bytes) {
		json->has_failed = true;
		return;
	}
	if (json->len)
		memcpy(bytes, json->bytes, json->len);
	if (json->bytes)
		explicit_bzero(json->bytes, json->len);
	free(json->bytes);
	json->bytes = bytes;
	json->room = room;
}

static void add(struct json_writer *json, const char *bytes, size_t len)
{
	if (json->room - json->len < len && !json->has_failed)
		grow(json, json->len + len);
	if (json->has_failed)
		return;
	memcpy(json->bytes + json->len, bytes, len);
	json->len += len;
}

static void begin_value(struct json_writer *json)
{
	if (json->needs_comma)
		add(json, ",", 1);
	json->needs_comma = true;
}

void json_writer_open(struct json_writer *json, char bracket)
{
	begin_value(json);
	add(json, &bracket, 1);
	json->needs_comma = false;
}

void json_writer_close(struct json_writer *json, char bracket)
{
	add(json, &bracket, 1);
	json->needs_comma = true;
}

void json_writer_key(struct json_writer *json, const char *key)
{
	json_writer_string(json, spore_cstr(key));
	add(json, ":", 1);
	json->needs_comma = false;
}

/* True: a sequence of valid form that RFC 3629 forbids all the same: an overlong one, a surrogate,
 * or one above U+10FFFF. */
static bool is_forbidden(uint8_t first, uint8_t second)
{
	return (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
	       (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F);
}

/* Returns the length of the UTF-8 sequence at `p`; 0: it is not valid. `left`: the bytes of the
 * text from `p` on. */
static size_t sequence_length(const uint8_t *p, size_t left)
{
	size_t n = *p < 0x80   ? 1
	           : *p < 0xC2 ? 0
	           : *p < 0xE0 ? 2
	           : *p < 0xF0 ? 3
	           : *p < 0xF5 ? 4
	                       : 0;

	if (n > left)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xC0) != 0x80)
			return 0;
	}
	return n > 1 && is_forbidden(p[0], p[1]) ? 0 : n;
}

/* `n`: the length of the character; 0: the byte is not valid UTF-8. */
static void add_character(struct json_writer *json, const char *p, size_t n)
{
	char escape[8];

	if (!n) {
		add(json, "\\ufffd", 6);
	} else if (*p == '"' || *p == '\\') {
		escape[0] = '\\';
		escape[1] = *p;
		add(json, escape, 2);
	} else if ((uint8_t)*p < 0x20) {
		snprintf(escape, sizeof escape, "\\u%04x", (unsigned)*p);
		add(json, escape, 6);
	} else {
		add(json, p, n);
	}
}

void json_writer_string(struct json_writer *json, spore_str text)
{
	begin_value(json);
	add(json, "\"", 1);
	for (size_t i = 0, n; i < text.len; i += n ? n : 1) {
		n = sequence_length((const uint8_t *)text.ptr + i, text.len - i);
		add_character(json, text.ptr + i, n);
	}
	add(json, "\"", 1);
}

void json_writer_number(struct json_writer *json, int64_t value)
{
	char digits[24];
	int n = snprintf(digits, sizeof digits, "%lld", (long long)value);

	begin_value(json);
	add(json, digits, (size_t)n);
}

void json_writer_bool(struct json_writer *json, bool value)
{
	begin_value(json);
	add(json, value ? "true" : "false", value ? 4 : 5);
}

void json_writer_hex(struct json_writer *json, spore_str bytes)
{
	static const char digits[] = "0123456789abcdef";

	begin_value(json);
	add(json, "\"", 1);
	for (size_t i = 0; i < bytes.len; i++) {
		uint8_t byte = (uint8_t)bytes.ptr[i];
		char pair[2] = { digits[byte >> 4], digits[byte & 15] };

		add(json, pair, sizeof pair);
	}
	add(json, "\"", 1);
}

bool json_writer_is_good(const struct json_writer *json)
{
	return !json->has_failed;
}

void json_writer_fini(struct json_writer *json)
{
	if (json->bytes)
		explicit_bzero(json->bytes, json->len);
	free(json->bytes);
	*json = (struct json_writer){ 0 };
}
