#include "scarce.h"

#include <stdbool.h>
#include <stddef.h>

/* Allocations until the one that fails, on this thread alone. */
static _Thread_local unsigned left;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *block, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t len);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *block, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t len);

void scarce_memory(unsigned n)
{
	left = n;
}

static bool is_out(void)
{
	return left > 0 && --left == 0;
}

void *__wrap_malloc(size_t size)
{
	return is_out() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return is_out() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *block, size_t size)
{
	return is_out() ? NULL : __real_realloc(block, size);
}

char *__wrap_strdup(const char *text)
{
	return is_out() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t len)
{
	return is_out() ? NULL : __real_strndup(text, len);
}
