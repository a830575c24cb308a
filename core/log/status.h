/* status - texts for the ABI's status codes. */
#ifndef CORE_STATUS_H
#define CORE_STATUS_H

#include <spore/base.h>

enum { STATUS_TEXT_SIZE = 80 };

/* "out of memory (SPORE_ENOMEM)", for use after a colon. An unknown code has a text, too. [any] */
const char *status_text(int32_t status, char text_out[STATUS_TEXT_SIZE]);

#endif
