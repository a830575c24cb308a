/* mend - a text that was meant as JSON: what is wrong with it, in words, and a text to read on
 * from.
 *
 * The scanner (scan) refuses at the first wrong byte. Here that place is looked at again for what
 * people write instead: comments, trailing commas, other quotes, bare words. Each is reported, and
 * where there is little doubt what was meant, a copy is changed there and scanned again, so that
 * all mistakes come at once. Such a copy is read for more mistakes alone; nothing is run from it.
 * [any] */
#ifndef CORE_MEND_H
#define CORE_MEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEND_MAX 100 /* more mistakes are another kind of file */

struct mended {
	char *text; /* JSON in which a null may stand for what could not be read */
	size_t len;
	uint32_t *origin; /* offset in the original of each byte and of the end */
	size_t mistakes[MEND_MAX + 1], n_mistakes; /* offsets in the original */
};

/* `text`: "expected ..., found ...". */
typedef void mend_report(void *arg, size_t offset, const char *text);

/* For a text that scan_json has refused. True: all mistakes have been reported, and `out` is JSON.
 * False: those up to one that left no way on. mended_free() in either case. */
bool mend_text(const char *text, size_t len, mend_report *report, void *arg, struct mended *out);
void mended_free(struct mended *mended);

#endif
