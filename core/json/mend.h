/* mend - reports all mistakes in a text that was meant to be JSON, and makes JSON from it.
 *
 * The scanner (scan) stops at the first wrong byte. mend looks at that place for what people
 * commonly write instead: comments, trailing commas, other quotes, bare words. It reports the
 * mistake and, if the meaning is clear, changes a copy of the text there and scans it again. So the
 * user sees all mistakes at once. The copy is only used to find more mistakes, never to run the
 * program. [any] */
#ifndef CORE_MEND_H
#define CORE_MEND_H

#include "json/mender.h"

/* `text` is one that scan_json has refused. True: all mistakes have been reported, and `out` is
 * JSON, in which a null may stand for an unreadable value. False: the mistakes up to one that
 * cannot be mended have been reported. Call mended_free(out) in either case. */
bool mend_text(const char *text, size_t len, mend_report *report, void *arg, struct mended *out);

#endif
