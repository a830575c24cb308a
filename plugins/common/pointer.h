/* pointer - where a mistake stands in the configuration, as a JSON pointer (RFC 6901). Each plugin
 * that uses this has a copy of its own. */
#ifndef COMMON_POINTER_H
#define COMMON_POINTER_H

#include <stddef.h>

/* Appends "/key", escaped, to the text in `pointer`, which has room for `size` bytes; what does not
 * fit is left out. Returns `pointer`. [any] */
char *pointer_append(char *pointer, size_t size, const char *key);

#endif
