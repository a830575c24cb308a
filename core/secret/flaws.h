/* flaws - what is often in a secret by mistake. [any] */
#ifndef CORE_FLAWS_H
#define CORE_FLAWS_H

#include <stdbool.h>
#include <stddef.h>

/* True if the text has nothing but white space, and perhaps a byte order mark. */
bool flaws_is_all_white(const char *text, size_t len);
/* Lists what looks like a mistake in a secret, without showing the secret; "": nothing does. The
 * secret must not be all white. */
void flaws_list(const char *text, size_t len, char *out, size_t size);

/* Secrets of fewer bytes are warned of: whoever tries can guess them. */
enum { FLAWS_SHORTEST = 6 };

#endif
