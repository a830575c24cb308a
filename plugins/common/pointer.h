/* pointer - builds JSON pointers (RFC 6901), which tell the place of a mistake in the
 * configuration. This code is compiled into each plugin that uses it. */
#ifndef COMMON_POINTER_H
#define COMMON_POINTER_H

#include <stddef.h>

/* Appends "/key", escaped, to the text in `pointer`, a buffer of `size` bytes. Cuts what does not
 * fit. Returns `pointer`. [any] */
char *pointer_append(char *pointer, size_t size, const char *key);

#endif
