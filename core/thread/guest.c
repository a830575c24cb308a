#include "thread/guest.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/list.h"
#include "thread/delays.h"

enum { DEPTH = 4, THREAD_NAME = 16 };

/* The name and the time of the outermost DEPTH calls are kept. Calls nested in these are only
 * counted. */
struct thread {
	struct list node; /* in the_guests.threads, under its lock */
	char name[THREAD_NAME];
	atomic_int kind; /* enum guest_thread */
	_Atomic(const char *) guests[DEPTH], guest_calls[DEPTH];
	/* When each call began, plus the time of those that were nested in it. */
	atomic_int_fast64_t call_ns[DEPTH];
	atomic_uint depth; /* 0: in our own code */
	atomic_int_fast64_t turn_ns;
	/* See guest_view. Under the lock. */
	int64_t told_ns;
	unsigned told;
};

struct name {
	struct name *next;
	char text[];
};

/* Global, since a crash handler and the thread-local `me` have to reach it. */
static struct {
	pthread_mutex_t lock;
	struct list threads;
	struct name *names;
	atomic_int_fast64_t slow_ns;
	atomic_int_fast64_t noted_ns; /* the smaller of slow_ns and GUEST_HANG_NS */
} the_guests = { .lock = PTHREAD_MUTEX_INITIALIZER,
	         .threads = { &the_guests.threads, &the_guests.threads },
	         .slow_ns = INT64_MAX,
	         .noted_ns = GUEST_HANG_NS };

static _Thread_local struct thread me;

/* ---- names ---- */

const char *guest_name(const char *text)
{
	size_t size = strlen(text) + 1;
	struct name *name;

	pthread_mutex_lock(&the_guests.lock);
	for (name = the_guests.names; name; name = name->next) {
		if (strcmp(name->text, text) == 0)
			goto out;
	}
	name = malloc(sizeof *name + size);
	if (!name)
		goto out;
	memcpy(name->text, text, size);
	name->next = the_guests.names;
	the_guests.names = name;
out:
	pthread_mutex_unlock(&the_guests.lock);
	return name ? name->text : NULL;
}

/* The level of the innermost call whose name is kept. `depth` must not be 0. */
static unsigned level_of(unsigned depth)
{
	return (depth < DEPTH ? depth : DEPTH) - 1;
}

/* The innermost name; NULL: the thread runs our own code. */
static const char *innermost_name(struct thread *thread, _Atomic(const char *) *names)
{
	unsigned depth = atomic_load_explicit(&thread->depth, memory_order_acquire);

	return depth ? atomic_load_explicit(&names[level_of(depth)], memory_order_relaxed) : NULL;
}

const char *guest_current(void)
{
	return innermost_name(&me, me.guests);
}

const char *guest_current_call(void)
{
	return innermost_name(&me, me.guest_calls);
}

/* ---- calls and turns ---- */

void guest_set_slow(int64_t ns)
{
	atomic_store(&the_guests.slow_ns, ns);
	atomic_store(&the_guests.noted_ns, ns < GUEST_HANG_NS ? ns : GUEST_HANG_NS);
}

/* Ends the calling thread's call or turn. True if the watchdog has logged that it hangs. */
static bool end_and_ask_if_told(atomic_int_fast64_t *since_ns)
{
	bool told;

	pthread_mutex_lock(&the_guests.lock);
	told = me.told_ns == atomic_load(since_ns);
	atomic_store(since_ns, 0);
	pthread_mutex_unlock(&the_guests.lock);
	return told;
}

/* Not inlined, since it is rare. */
__attribute__((noinline)) static void end_long_call(unsigned level, int64_t lasted_ns)
{
	struct delay delay = {
		.plugin = atomic_load_explicit(&me.guests[level], memory_order_relaxed),
		.call = atomic_load_explicit(&me.guest_calls[level], memory_order_relaxed),
		.longest_ns = lasted_ns,
		.told = end_and_ask_if_told(&me.call_ns[level]),
	};

	if (delay.told ||
	    (atomic_load(&me.kind) == GUEST_WORKER && lasted_ns > atomic_load(&the_guests.slow_ns)))
		delays_note(&delay, me.name);
}

void guest_enter(const char *plugin, const char *call)
{
	unsigned depth = atomic_load_explicit(&me.depth, memory_order_relaxed);

	if (depth < DEPTH) {
		atomic_store_explicit(&me.guests[depth], plugin, memory_order_relaxed);
		atomic_store_explicit(&me.guest_calls[depth], call, memory_order_relaxed);
		atomic_store_explicit(&me.call_ns[depth], clock_coarse_ns(), memory_order_release);
	}
	atomic_store_explicit(&me.depth, depth + 1, memory_order_release);
}

static void end_call(unsigned level)
{
	int64_t since_ns = atomic_load_explicit(&me.call_ns[level], memory_order_relaxed);
	int64_t lasted_ns = clock_coarse_ns() - since_ns;

	if (lasted_ns > atomic_load_explicit(&the_guests.noted_ns, memory_order_relaxed))
		end_long_call(level, lasted_ns);
	else
		atomic_store_explicit(&me.call_ns[level], 0, memory_order_release);
	/* The time of this call does not count for the outer one. */
	if (level > 0 && lasted_ns > 0)
		atomic_fetch_add_explicit(&me.call_ns[level - 1], lasted_ns, memory_order_release);
}

/* True in a child process that a plugin has forked. Such a process has only one thread. */
static bool is_stray_child;
static void (*end_stray_child)(void);

static void on_forked(void)
{
	is_stray_child = guest_current() != NULL;
}

void guest_on_stray_child(void (*fn)(void))
{
	end_stray_child = fn;
	pthread_atfork(NULL, NULL, on_forked);
}

void guest_leave(void)
{
	unsigned level = atomic_load_explicit(&me.depth, memory_order_relaxed) - 1;

	if (is_stray_child)
		end_stray_child();
	if (level < DEPTH)
		end_call(level);
	atomic_store_explicit(&me.depth, level, memory_order_release);
}

void guest_turn_begin(int64_t now_ns)
{
	atomic_store_explicit(&me.turn_ns, now_ns, memory_order_relaxed);
}

__attribute__((noinline)) static void end_long_turn(int64_t lasted_ns)
{
	struct delay delay = { .told = end_and_ask_if_told(&me.turn_ns), .longest_ns = lasted_ns };

	if (delay.told)
		delays_note(&delay, me.name);
}

void guest_turn_end(int64_t now_ns)
{
	int64_t lasted_ns = now_ns - atomic_load_explicit(&me.turn_ns, memory_order_relaxed);

	if (lasted_ns > GUEST_HANG_NS)
		end_long_turn(lasted_ns);
	else
		atomic_store_explicit(&me.turn_ns, 0, memory_order_relaxed);
}

/* ---- threads ---- */

const char *guest_thread(void)
{
	return me.name;
}

void guest_thread_begin(const char *name)
{
	snprintf(me.name, sizeof me.name, "%s", name);
	pthread_mutex_lock(&the_guests.lock);
	list_append(&the_guests.threads, &me.node);
	pthread_mutex_unlock(&the_guests.lock);
}

void guest_thread_end(void)
{
	pthread_mutex_lock(&the_guests.lock);
	list_remove(&me.node);
	pthread_mutex_unlock(&the_guests.lock);
}

void guest_thread_is(enum guest_thread kind)
{
	atomic_store(&me.kind, (int)kind);
}

/* Since when the thread is in its innermost call; 0: it is in none. */
static int64_t call_begun(struct thread *thread)
{
	unsigned depth = atomic_load_explicit(&thread->depth, memory_order_acquire);

	return depth ? atomic_load_explicit(&thread->call_ns[level_of(depth)], memory_order_acquire)
	             : 0;
}

/* If another call begins while the names are read, they may be of either call. Then call_ns stays
 * 0, as if no call had begun. */
static struct guest_view look_at(struct thread *thread)
{
	int64_t call_ns = call_begun(thread);
	struct guest_view view = {
		.thread = thread->name,
		.kind = (enum guest_thread)atomic_load(&thread->kind),
		.plugin = innermost_name(thread, thread->guests),
		.call = innermost_name(thread, thread->guest_calls),
		.turn_ns = atomic_load_explicit(&thread->turn_ns, memory_order_relaxed),
		.told_ns = &thread->told_ns,
		.told = &thread->told,
	};

	atomic_thread_fence(memory_order_acquire);
	if (view.plugin && call_begun(thread) == call_ns)
		view.call_ns = call_ns;
	return view;
}

void guest_each(void (*fn)(const struct guest_view *view, void *arg), void *arg)
{
	struct list *threads = &the_guests.threads;

	pthread_mutex_lock(&the_guests.lock);
	for (struct list *i = threads->next; i != threads; i = i->next) {
		struct guest_view view = look_at(CONTAINER_OF(i, struct thread, node));

		fn(&view, arg);
	}
	pthread_mutex_unlock(&the_guests.lock);
}
