/* zeroed - memory for an object that lives as long as one connection.
 *
 * In glibc before 2.41, calloc does not take memory from the thread's cache, and costs ten times as
 * much as malloc. Objects that are made once or rarely use calloc. */
#ifndef CORE_ZEROED_H
#define CORE_ZEROED_H

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* `size` bytes of zeros, which the caller frees. NULL: out of memory. [any] */
static inline void *zeroed_new(size_t size)
{
	void *object = malloc(size);

	/* Without this, the compiler would replace malloc and memset by calloc. */
	__asm__("" : "+r"(object));
	return object ? memset(object, 0, size) : NULL;
}

#endif
