/* note - the ABI note of a plugin, read from its bytes without running any of it. Pure. [any] */
#ifndef CORE_NOTE_H
#define CORE_NOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct note {
	uint16_t abi_major, abi_minor, min_minor;
	char plugin[33], version[17];
};

/* Every offset in the file is checked. A file may have notes for several majors: then the one for
 * this host's. False and *err: no ELF file for this machine, no note, or one that is not whole. */
bool note_read(const uint8_t *file, size_t size, struct note *note_out, struct err *err);
/* Does this host run it? False and *err with both versions and the remedy. */
bool note_is_compatible(const struct note *note, struct err *err);

#endif
