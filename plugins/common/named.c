#include "named.h"

#include "hex.h"

static const char digits[] = "0123456789ABCDEF";

static bool stands_for_itself(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("-._~@+", c));
}

size_t named_encoded_size(spore_str text)
{
	size_t size = 0;

	for (size_t i = 0; i < text.len; i++)
		size += stands_for_itself(text.ptr[i]) ? 1 : 3;
	return size;
}

char *named_encode(spore_str text, char *out)
{
	for (size_t i = 0; i < text.len; i++) {
		uint8_t byte = (uint8_t)text.ptr[i];

		if (stands_for_itself(text.ptr[i])) {
			*out++ = text.ptr[i];
		} else {
			*out++ = '%';
			*out++ = digits[byte >> 4];
			*out++ = digits[byte & 15];
		}
	}
	return out;
}

size_t named_size(spore_str name)
{
	return named_encoded_size(name) + 1;
}

void named_write(spore_str name, char *out)
{
	*named_encode(name, out) = ':';
}

/* Decodes the byte at *at and moves *at behind it. Returns 0 if named_encode would have written it
 * in another way, so that each name has one encoding. */
static char decode_byte(const char **at, const char *end)
{
	const char *p = *at;
	bool is_upper_case;
	uint8_t byte;

	*at += 1;
	if (stands_for_itself(*p))
		return *p;
	if (*p != '%' || end - p < 3)
		return '\0';
	*at += 2;
	if (!hex_read((spore_str){ p + 1, 2 }, &byte, 1) || stands_for_itself((char)byte))
		return '\0';
	is_upper_case = p[1] == digits[byte >> 4] && p[2] == digits[byte & 15];
	if (!is_upper_case)
		return '\0';
	return (char)byte;
}

bool named_decode(spore_str encoded, char *out, size_t size)
{
	const char *at = encoded.ptr, *end = encoded.len ? encoded.ptr + encoded.len : at;
	size_t n = 0;

	while (at < end) {
		if (n + 1 >= size)
			return false;
		out[n] = decode_byte(&at, end);
		if (!out[n++])
			return false;
	}
	out[n] = '\0';
	return true;
}

bool named_parse(spore_str answer, struct named_answer *out)
{
	const char *colon = answer.len ? memchr(answer.ptr, ':', answer.len) : NULL;
	size_t name_len = colon ? (size_t)(colon - answer.ptr) : 0;

	out->name[0] = '\0';
	out->proof = answer;
	if (!colon)
		return true;
	out->proof = (spore_str){ colon + 1, answer.len - name_len - 1 };
	return name_len > 0 &&
	       named_decode((spore_str){ answer.ptr, name_len }, out->name, sizeof out->name);
}
