/* guest - whose code a thread runs: ours or a plugin's, and since when, so that the log can name
 * the plugin that is slow, hangs or crashes. */
#ifndef CORE_GUEST_H
#define CORE_GUEST_H

#include <stdint.h>

/* A call or a turn that lasts longer hangs: the watchdog logs it. */
#define GUEST_HANG_NS INT64_C(1000000000)

/* The permanent copy of a plugin's name, for guest_enter; the same pointer for the same text. It is
 * never freed, since another thread may read it after the plugin is gone. NULL: out of memory.
 * [any] */
const char *guest_name(const char *text);

/* The calling thread enters, or leaves, the code of that plugin. `call` is a slot of the SDK, such
 * as "verify", or the name of a callback. Both names must be permanent. The calls may be nested;
 * the time of the inner one does not count for the outer one. [any] */
void guest_enter(const char *plugin, const char *call);
void guest_leave(void);
/* If a plugin forks, calls fn in the child process when the plugin's code returns there. fn must
 * end that process. There is one fn per process. [main] */
void guest_on_stray_child(void (*fn)(void));
/* A call on a worker that takes longer than `ns` is slow (thread/delays). INT64_MAX, the default:
 * no call is slow. [any] */
void guest_set_slow(int64_t ns);

/* The plugin whose code the calling thread runs; NULL: our own code. Async-signal-safe. [any] */
const char *guest_current(void);
/* The call in which it does so; NULL: our own code. Async-signal-safe. [any] */
const char *guest_current_call(void);

/* What a thread may do in a plugin's code. */
enum guest_thread {
	GUEST_ORDINARY, /* may take a while, but must return */
	GUEST_WORKER,   /* must return at once: connections wait for it */
	GUEST_POOL      /* may block */
};

/* Registers the calling thread for guest_each, as an ordinary one, under a name (copied, cut at 15
 * bytes), until guest_thread_end. [any] */
void guest_thread_begin(const char *name);
void guest_thread_end(void);
void guest_thread_is(enum guest_thread kind);
/* The name of the calling thread; "" if it is not registered. Async-signal-safe. [any] */
const char *guest_thread(void);

/* A turn of the calling thread's event loop begins, or ends. [any] */
void guest_turn_begin(int64_t now_ns);
void guest_turn_end(int64_t now_ns);

/* What a registered thread does. Times are of clock_coarse_ns. */
struct guest_view {
	const char *thread;
	enum guest_thread kind;
	const char *plugin, *call; /* NULL: our own code */
	int64_t call_ns;           /* since when it is in this call; 0: it is in none */
	int64_t turn_ns;           /* since when its turn lasts; 0: no turn */
	/* The watchdog has logged that the call or the turn hangs that began at *told_ns; 0: none.
	 * It logs this again when it has lasted for GUEST_HANG_NS << *told. */
	int64_t *told_ns;
	unsigned *told;
};

/* Calls fn for each registered thread, under a lock: fn must not block. [any] */
void guest_each(void (*fn)(const struct guest_view *view, void *arg), void *arg);

#endif
