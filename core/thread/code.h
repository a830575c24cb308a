/* code - which plugin the code at an address belongs to, for code that runs outside guest_enter and
 * guest_leave: a thread that a plugin started, or a call on the data path. */
#ifndef CORE_CODE_H
#define CORE_CODE_H

#include <stdbool.h>

/* Records the loaded object that contains the address under that name, which must be permanent
 * (guest_name). The object must stay mapped for the rest of the process. False: no loaded object
 * contains the address, or out of memory. [any] */
bool code_add(const char *name, const void *inside);
/* The name of the object that contains the address; NULL: a recorded object does not contain it.
 * Async-signal-safe. [any] */
const char *code_find(const void *address);
/* The name of the innermost recorded object on the stack of the calling thread; NULL: the stack has
 * no such object. [any] */
const char *code_on_stack(void);

#endif
