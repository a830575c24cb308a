/* crash - the last words of a process that a fault ends: what the log holds, and a line that names
 * the signal and the plugin it came from. Then the signal does what it would have done, so the
 * status is that of the fault; but no core is left, since it would hold the secrets. */
#ifndef CORE_CRASH_H
#define CORE_CRASH_H

#include <signal.h>

/* From now on, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS and SIGABRT have last words. [main]
 */
void crash_catch(void);
/* Takes them out of a mask: a fault whose signal is blocked ends the process without a word. [any]
 */
void crash_unblock(sigset_t *mask);

/* A stack for the handler on the calling thread, so that a thread whose own is full has last words,
 * too. NULL: it has one already (a sanitizer's), or memory is out. [any] */
void *crash_stack_new(void);
/* On the same thread. NULL is fine. */
void crash_stack_free(void *stack);

#endif
