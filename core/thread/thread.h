/* thread - starts the threads of the core. Each has a name, leaves all signals but those of a fault
 * to the main thread, has a stack for the fault handler, and runs in the C locale. */
#ifndef CORE_THREAD_H
#define CORE_THREAD_H

#include <pthread.h>

/* Runs fn(arg) in a new thread. `name` (copied, cut at 15 bytes) appears in ps and in the log.
 * Returns 0 or an errno. [any] */
int thread_start(pthread_t *thread_out, const char *name, void *(*fn)(void *arg), void *arg);
/* Calls fn in a thread of thread_start that ends before its function returns, by pthread_exit() or
 * pthread_cancel(). There is one fn per process. [main] */
void thread_on_stray_end(void (*fn)(void));
/* Formats and parses numbers in the calling thread as the C locale does, whatever locale a plugin
 * sets for the process. thread_start does this by itself. [any] */
void thread_use_c_locale(void);

#endif
