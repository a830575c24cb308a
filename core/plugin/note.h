/* note - reads the ABI note of a plugin from its bytes, without running any code. Pure. [any] */
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

/* Checks every offset in the file. If a file has notes for several majors, reads the one for this
 * host's major. False and *err: the file is not an ELF file for this machine, has no note, or is
 * damaged. */
bool note_read(const uint8_t *bytes, size_t size, struct note *note_out, struct err *err);
/* This host can run the plugin. False and *err: both versions and the remedy. */
bool note_is_compatible(const struct note *note, struct err *err);

#endif
