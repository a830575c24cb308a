#include "plugin/name.h"

#include <string.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyz"

enum { MAX_LEN = 63 };

bool name_is_good(const char *name)
{
	size_t len = strspn(name, LETTERS "0123456789_");

	return len > 0 && len <= MAX_LEN && name[len] == '\0' && strchr(LETTERS, name[0]);
}
