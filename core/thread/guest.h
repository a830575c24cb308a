/* guest - whose code a thread runs: ours, or a plugin's. So that a plugin which hangs or crashes
 * can be named. */
#ifndef CORE_GUEST_H
#define CORE_GUEST_H

#include <stdint.h>

/* A name for guest_enter: one for each text, kept as long as the process lives, since whoever looks
 * at a thread does so while plugins come and go. NULL: out of memory. [any] */
const char *guest_name(const char *text);

/* The calling thread goes into code of that name, and comes back from it. They nest. [any] */
void guest_enter(const char *name);
void guest_leave(void);
/* Where the calling thread is; NULL: in our own code. Async-signal-safe. [any] */
const char *guest_current(void);

/* Shows the calling thread to guest_each_stuck under a name (copied, cut at 15 bytes), until its
 * end. [any] */
void guest_thread_begin(const char *name);
void guest_thread_end(void);
/* The calling thread's name; "" if it is none of ours. Async-signal-safe. [any] */
const char *guest_thread(void);

/* Calls fn for each thread that is in the same call all the while `for_ms` pass. Takes so long.
 * [any] */
void guest_each_stuck(int64_t for_ms, void (*fn)(const char *thread, const char *guest, void *arg),
                      void *arg);

#endif
