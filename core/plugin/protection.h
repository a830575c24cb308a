/* protection - refuses a shared object if loading it would make the stacks of this process
 * executable or its own code writable. Reads the file's bytes, without running any code. Pure.
 * [any] */
#ifndef CORE_PROTECTION_H
#define CORE_PROTECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* False and *err, with the remedy: the file needs executable stacks or has text relocations; or it
 * is damaged. */
bool protection_is_kept(const uint8_t *bytes, size_t size, struct err *err);

#endif
