/* utf8 - UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates. NUL is not accepted.
 * [any] */
#ifndef CORE_UTF8_H
#define CORE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* The length of the well-formed sequence at `text`, of which `left` (> 0) bytes are readable; 0 if
 * it is not well-formed, or a NUL. */
size_t utf8_sequence(const char *text, size_t left);
/* True if the whole text is well-formed. On false, *bad_out is the offset of the first bad
 * sequence. */
bool utf8_is_valid(const char *text, size_t len, size_t *bad_out);
/* The length of the byte order mark at the start of the text; 0: there is none. */
size_t utf8_mark(const char *text, size_t len);
/* True if the text begins like UTF-16 in either byte order, with or without a byte order mark. */
bool utf8_is_utf16(const char *text, size_t len);
/* True if a terminal may get the character at `text` as it is: not a control character, not a byte
 * order mark, and well-formed. */
bool utf8_is_visible(const char *text, size_t left);
/* True if utf8_is_visible() is true, and the character is not a line separator, a mark of the
 * writing direction, a joiner or the like, which is unseen or changes how others are shown. */
bool utf8_is_clear(const char *text, size_t left);

#endif
