/* trace - the stack of the code that a signal has interrupted: which plugin it runs in, and the
 * places of its innermost frames for addr2line.
 *
 * The functions are async-signal-safe. They read the stack, so they may fault if it is corrupted.
 * Their caller must be ready for this. */
#ifndef CORE_TRACE_H
#define CORE_TRACE_H

#include <stddef.h>
#include <stdint.h>

#include "thread/code.h"

enum { TRACE_FRAMES = 64, TRACE_TEXT = 640, TRACE_PLACE = 96 };

/* The interrupted address, then addresses within the calls that led there. */
struct trace {
	uintptr_t frames[TRACE_FRAMES];
	unsigned n;
};

/* Unwinds the stack once: the first unwinding of a process loads code, which a signal handler must
 * not do. [main] */
void trace_prime(void);
/* Takes the stack of the code that a signal has interrupted. The caller is the signal handler, or
 * a function that it calls; `context` is the handler's third argument. [any] */
void trace_take(const void *context, struct trace *trace_out);

/* The innermost plugin on the stack, and the address in it (may be NULL); NULL: there is none.
 * [any] */
const struct code *trace_plugin(const struct trace *trace, uintptr_t *address_out);
/* "auth_ldap.so+0x1a2b": the file that contains the address, and the address in it. [any] */
void trace_place(uintptr_t address, char out[TRACE_PLACE]);
/* Writes the places of the innermost frames, with a space between two of them. [any] */
void trace_format(const struct trace *trace, char out[TRACE_TEXT]);

#endif
