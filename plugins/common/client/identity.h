/* identity - what a host accepts as a client's name. This code is compiled into each plugin that
 * uses it. */
#ifndef COMMON_IDENTITY_H
#define COMMON_IDENTITY_H

#include <spore/auth.h>
#include <stdbool.h>

/* True: 1 to SPORE_IDENTITY_MAX bytes of UTF-8 without control characters. [any] */
bool identity_is_good(spore_str identity);

#endif
