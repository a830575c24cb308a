/* still - time and chance under the target's hand, so that an input does the same each time: the
 * monotonic clock of the whole process stands still until it is told to go on, and the core's dice
 * fall the same way for every input. */
#ifndef STILL_H
#define STILL_H

#include <stdint.h>

/* The dice start anew; the clock goes on from where it is. */
void still_begin(void);
void still_pass(int64_t ms);

#endif
