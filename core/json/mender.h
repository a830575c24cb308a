/* mender - a copy of a text with mistakes, in which each mistake is reported and replaced. Every
 * byte of the copy knows its offset in the original text. Not thread-safe. */
#ifndef CORE_MENDER_H
#define CORE_MENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEND_MAX 100 /* mistakes in one text */

struct mended {
	char *text; /* owned, NUL-terminated */
	size_t len;
	uint32_t *origin; /* owned: the offset in the original of each byte and of the end */
	size_t mistakes[MEND_MAX + 1], n_mistakes; /* offsets in the original */
};

/* `text`: "expected ..., found ...". `offset` is in the original. */
typedef void mend_report(void *arg, size_t offset, const char *text);

struct mender {
	struct mended *out;
	const char *source; /* the original */
	mend_report *report;
	void *arg;
};

/* Starts with an unchanged copy of the text. False: out of memory, or the text is too long. Free
 * `out` in either case. */
bool mended_copy(struct mended *out, const char *text, size_t len);
void mended_free(struct mended *mended);

/* The byte at an offset of the copy; -1 at its end. */
int mender_look(const struct mender *m, size_t at);
/* The offset of the last byte before `at` that is not white space; SIZE_MAX: none. */
size_t mender_before(const struct mender *m, size_t at);
bool mender_is_space(int c);
/* True for the bytes of numbers, names and bare words. */
bool mender_is_word(int c);
/* True for the end of the text and for '}' and ']'. */
bool mender_is_end(int c);

/* Reports a mistake at an offset of the copy; only the first at each place, since the others follow
 * from it. */
__attribute__((format(printf, 3, 4))) void mender_say(struct mender *m, size_t at,
                                                      const char *format, ...);
/* Reports "expected `expected`, found ..." with the character at `at`. */
void mender_expected(struct mender *m, size_t at, const char *expected);
/* The character at `at` for a message: "'x'", "the end of the line". */
const char *mender_found(const struct mender *m, size_t at, char out[16]);

/* At most this many bytes are added by one change. */
enum { MENDER_GROWTH = 8 };
/* Replaces `n` bytes by `text`, whose origin is that of the first of them. Always returns true. */
bool mender_change(struct mender *m, size_t at, size_t n, const char *text);

#endif
