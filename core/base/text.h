/* text - small helpers over C strings. [any] */
#ifndef CORE_TEXT_H
#define CORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A decimal number of digits alone, at most `max`. */
bool text_to_uint(const char *text, size_t len, uint64_t max, uint64_t *value_out);
/* Edit distance with insertions, deletions, replacements and swaps; for "did you mean". At most 64
 * bytes of each are compared. */
unsigned text_distance(const char *a, const char *b);
/* The name among n that `found` probably meant, or NULL. */
const char *text_suggest(const char *found, const char *const *names, size_t n);
/* Writes `bytes` so that they are safe on a terminal and in a log: printable ASCII as it is, `\`,
 * `"` and all else as \xNN. NUL-ended, cut at `size`. Returns the length written. */
size_t text_escape(const void *bytes, size_t len, char *out, size_t size);
/* The same for a text that stands alone, between no quotes: `\` and `"` stay. */
size_t text_printable(const void *bytes, size_t len, char *out, size_t size);
/* How long text_escape's result is if there is room for all of it. */
size_t text_escaped_length(const void *bytes, size_t len);
/* Length of the well-formed UTF-8 sequence at `text`, of which `left` bytes are there; 0: none, or
 * a NUL. */
size_t text_utf8_sequence(const char *text, size_t left);
/* What JSON in ASCII writes for the character at `text`: itself, `\"`, `\\`, or \uXXXX, or two of
 * those; a byte that is no UTF-8 is \u00NN. *len_out is how much that is (no NUL follows); returns
 * how many bytes it stands for. */
enum { TEXT_JSON_MAX = 12 };
size_t text_json(const char *text, size_t left, char out[TEXT_JSON_MAX], size_t *len_out);
/* May a terminal have the character at `text` as it is? Not if it is a control character, a byte
 * order mark, or no UTF-8. */
bool text_visible(const char *text, size_t left);
/* True for well-formed UTF-8 (RFC 3629) without NUL. On false *bad_out is the offset. */
bool text_is_utf8(const char *text, size_t len, size_t *bad_out);

#endif
