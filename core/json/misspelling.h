/* misspelling - what people write instead of JSON's tokens: comments, other quotes, bare words.
 * Each mend_ function looks for one at an offset, reports it and replaces it. False: there is
 * none. */
#ifndef CORE_MISSPELLING_H
#define CORE_MISSPELLING_H

#include "json/mender.h"

/* Replaces a comment by a space. */
bool mend_comment(struct mender *m, size_t at);
/* Removes a byte order mark at the start of the text. */
bool mend_byte_order_mark(struct mender *m, size_t at);
/* Replaces single or typographic quotes around a string by double quotes. */
bool mend_quotes(struct mender *m, size_t at);
/* The length of a single or typographic quote at `at`; 0: none. */
size_t mend_quote_length(const struct mender *m, size_t at);
/* Replaces a bare word by null. There must be one at `at`. */
bool mend_word(struct mender *m, size_t at);

#endif
