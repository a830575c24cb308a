#include "pointer.h"

#include <string.h>

char *pointer_append(char *pointer, size_t size, const char *key)
{
	size_t n = strlen(pointer);

	if (n + 1 < size)
		pointer[n++] = '/';
	for (; *key && n + 2 < size; key++) {
		if (*key == '~' || *key == '/') {
			pointer[n++] = '~';
			pointer[n++] = *key == '~' ? '0' : '1';
		} else {
			pointer[n++] = *key;
		}
	}
	pointer[n] = '\0';
	return pointer;
}
