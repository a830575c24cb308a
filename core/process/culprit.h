/* culprit - what the control thread waits for: the call into a plugin that has not returned, or the
 * file or the program that it reads. */
#ifndef CORE_CULPRIT_H
#define CORE_CULPRIT_H

enum { CULPRIT_TEXT_SIZE = 768 };

/* "plugin staff has not returned from create() for 10 s", for use after a colon. Names the call of
 * the control thread, or else the oldest call of a worker, for which the control thread may wait.
 * [any] */
const char *culprit_describe(char text_out[CULPRIT_TEXT_SIZE]);

#endif
