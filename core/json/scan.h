/* scan - a strict JSON scanner (RFC 8259) that reports the offset of every token.
 *
 * Every JSON text is scanned before cJSON parses it, because cJSON accepts leading zeros, a byte
 * order mark, control bytes, bad UTF-8 and trailing bytes, and reports no positions. The scanner
 * also refuses lone surrogates, and \u0000 in a key. Pure; allocates nothing. [any] */
#ifndef CORE_SCAN_H
#define CORE_SCAN_H

#include <stddef.h>
#include <stdint.h>

#define SCAN_MAX_DEPTH 32

enum scan_type {
	SCAN_OBJECT = 1,
	SCAN_ARRAY,
	SCAN_STRING, /* a value or a key; offsets without the quotes */
	SCAN_NUMBER,
	SCAN_LITERAL /* true, false, null */
};

/* One value or key. Tokens are in the order of the text: an object comes before its keys and
 * values, an array before its elements. */
struct scan_token {
	enum scan_type type;
	uint32_t start, end; /* byte offsets, end exclusive */
	uint32_t count;      /* OBJECT: members; ARRAY: elements; STRING: occurrences of \u0000 */
};

/* The place in the grammar where a mistake was found. */
enum scan_place {
	SCAN_AT_VALUE = 1,
	SCAN_AT_KEY,
	SCAN_AT_COLON,
	SCAN_AT_COMMA, /* after a member or element: a comma or the closing bracket is expected */
	SCAN_AT_END,   /* after the whole value */
	SCAN_IN_NUMBER,
	SCAN_IN_STRING,
	SCAN_UNCLOSED, /* a string not closed on its line; the offset is its opening quote */
	SCAN_TOO_MUCH  /* larger or deeper than this scanner accepts */
};

#define SCAN_NO_CONTAINER SIZE_MAX

struct scan_error {
	size_t offset;
	const char *expected; /* static text: "a value", "',' or '}'" ... */
	enum scan_place place;
	size_t container; /* offset of the innermost open bracket, or SCAN_NO_CONTAINER */
};

/* Scans one whole text. Fills at most `max` tokens and returns how many there are (tokens may be
 * NULL with max 0, to count), or -1 and *error_out. */
long scan_json(const char *text, size_t len, struct scan_token *tokens, size_t max,
               struct scan_error *error_out);

#endif
