/* fault - the signals that a fault of the running thread raises, and the stack on which their
 * handler runs. The handler itself is log/crash. */
#ifndef CORE_FAULT_H
#define CORE_FAULT_H

#include <signal.h>
#include <stdbool.h>

struct fault_signal {
	const char *name; /* "SEGV" */
	int number;
	bool repeats; /* when its handler returns, the faulty instruction runs and faults again */
};

enum { FAULT_SIGNALS = 7 };
extern const struct fault_signal fault_signals[FAULT_SIGNALS];

/* Removes the fault signals from a mask: a fault whose signal is blocked ends the process without
 * running the handler. [any] */
void fault_unblock(sigset_t *mask);

/* True if the handler looks like that of a language runtime. Such a handler is assumed to pass on
 * the faults that are not its own. [any] */
bool fault_is_of_runtime(const struct sigaction *action);

/* Gives the calling thread a separate stack for the handler, so that the handler also runs when the
 * thread's own stack is full. NULL: the thread already has one (from a sanitizer), or out of
 * memory. [any] */
void *fault_stack_new(void);
/* Call it on the same thread. NULL is fine. */
void fault_stack_free(void *stack);

#endif
