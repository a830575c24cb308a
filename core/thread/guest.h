/* guest - whose code a thread runs: ours or a plugin's, so that the log can name the plugin that
 * hangs or crashes. */
#ifndef CORE_GUEST_H
#define CORE_GUEST_H

#include <stdint.h>

/* The permanent copy of a plugin's name, for guest_enter; the same pointer for the same text. It is
 * never freed, since another thread may read it after the plugin is gone. NULL: out of memory.
 * [any] */
const char *guest_name(const char *text);

/* The calling thread enters, or leaves, the code of that plugin. `call` is a slot of the SDK, such
 * as "verify", or the name of a callback. Both names must be permanent. The calls may be nested.
 * [any] */
void guest_enter(const char *plugin, const char *call);
void guest_leave(void);
/* Calls fn in a process that a plugin has forked, when the plugin returns there. There is one fn per
 * process. [main] */
void guest_on_stray_child(void (*fn)(void));
/* The plugin whose code the calling thread runs; NULL: our own code. Async-signal-safe. [any] */
const char *guest_current(void);
/* The call in which it does so; NULL: our own code. Async-signal-safe. [any] */
const char *guest_current_call(void);

/* Registers the calling thread for guest_each_stuck, under a name (copied, cut at 15 bytes), until
 * guest_thread_end. [any] */
void guest_thread_begin(const char *name);
void guest_thread_end(void);
/* The name of the calling thread; "" if it is not registered. Async-signal-safe. [any] */
const char *guest_thread(void);

/* Watches all registered threads for `for_ms`, then calls fn for each that was in the same call of
 * a plugin the whole time. Blocks for `for_ms`. [any] */
void guest_each_stuck(int64_t for_ms, void (*fn)(const char *thread, const char *guest, void *arg),
                      void *arg);

#endif
