/* text - small helpers over C strings. [any] */
#ifndef CORE_TEXT_H
#define CORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads a decimal number that has only digits and is at most `max`. False if the text is not
 * one. */
bool text_to_uint(const char *text, size_t len, uint64_t max, uint64_t *value_out);
/* The edit distance of two texts: how many edits make `b` of `a`. An edit inserts, deletes or
 * replaces a byte, or swaps two. Only the first 64 bytes of each text count. */
unsigned text_distance(const char *a, const char *b);
/* Which of the n names `found` was probably meant to be, for "did you mean"; NULL if none is
 * close. */
const char *text_suggest(const char *found, const char *const *names, size_t n);
/* Writes `bytes` in a form that is safe in quotes, on a terminal and in a log: printable ASCII
 * stays, `\`, `"` and other bytes become \xNN. NUL-terminated, cut at `size`. Returns the length
 * written. */
size_t text_escape(const void *bytes, size_t len, char *out, size_t size);
/* The same for a text without quotes around it: `\` and `"` stay. */
size_t text_printable(const void *bytes, size_t len, char *out, size_t size);
/* The same, but visible characters of UTF-8 stay, too: for a terminal and not for a log. */
size_t text_visible(const void *bytes, size_t len, char *out, size_t size);
/* The length of text_escape's result if `size` does not limit it. */
size_t text_escaped_length(const void *bytes, size_t len);
/* Writes the character at `text` as it appears in a JSON string of ASCII: itself, `\"`, `\\`,
 * \uXXXX, or a pair of those. A byte that is not UTF-8 becomes \u00NN. *len_out is the length
 * written, without a NUL. Returns how many bytes of the text were read. */
enum { TEXT_JSON_MAX = 12 };
size_t text_json(const char *text, size_t left, char out[TEXT_JSON_MAX], size_t *len_out);

/* The value of a hexadecimal digit of either case, or -1. */
static inline int text_hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

#endif
