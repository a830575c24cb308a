/* clean - makes a text of somebody else fit to be shown: no byte of it can move the cursor, change
 * colours or reverse the direction of writing. */
#ifndef SCREEN_CLEAN_H
#define SCREEN_CLEAN_H

#include <stddef.h>

enum { CLEAN_SIZE = 512 };

/* Call it once, at the start: whether the terminal shows UTF-8 follows from the locale. */
void clean_use_locale(void);
/* Copies the text, cut after `columns` columns (0: no limit) and after CLEAN_SIZE - 1 bytes. What
 * cannot be shown becomes '?'. Returns the columns that the copy takes. */
int clean(const char *text, int columns, char out[CLEAN_SIZE]);

#endif
