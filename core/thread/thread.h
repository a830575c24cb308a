/* thread - how a thread of ours begins: it has a name, the signals are the main thread's business,
 * but a fault of its own has last words (crash). */
#ifndef CORE_THREAD_H
#define CORE_THREAD_H

#include <pthread.h>

/* Runs fn(arg). `name` (copied, cut at 15 bytes) is what ps and the log call it. Returns 0 or an
 * errno. [any] */
int thread_start(pthread_t *thread_out, const char *name, void *(*fn)(void *arg), void *arg);

#endif
