/* name - the grammar of the names that a plugin gives to its components and options. Pure. [any] */
#ifndef CORE_NAME_H
#define CORE_NAME_H

#include <stdbool.h>

/* The grammar in words, for messages: "expected " NAME_GRAMMAR. */
#define NAME_GRAMMAR "a lower-case letter, then lower-case letters, digits or _, at most 63 in all"

bool name_is_good(const char *name);

#endif
