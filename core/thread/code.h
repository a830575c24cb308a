/* code - which plugin the code at an address belongs to, for code that runs outside guest_enter and
 * guest_leave: a thread that a plugin started, or a call on the data path. */
#ifndef CORE_CODE_H
#define CORE_CODE_H

#include <stdbool.h>
#include <stdint.h>

struct code {
	const char *name, *version; /* permanent; version may be NULL */
	uintptr_t base;             /* an address minus this is the address in the file */
};

/* Records the loaded object that contains the address under that name and version, which must be
 * permanent (guest_name). The object must stay mapped for the rest of the process. False: no loaded
 * object contains the address, or out of memory. [any] */
bool code_add(const char *name, const char *version, const void *inside);
/* The recorded object that contains the address, valid for ever; NULL: none does.
 * Async-signal-safe. [any] */
const struct code *code_at(const void *address);
/* The name of that object, or NULL. Async-signal-safe. [any] */
const char *code_find(const void *address);
/* The name of the innermost recorded object on the stack of the calling thread; NULL: the stack has
 * no such object. [any] */
const char *code_on_stack(void);

#endif
