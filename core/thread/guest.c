#include "thread/guest.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/list.h"

enum { DEPTH = 4, THREAD_NAME = 16 };

/* Calls nested deeper than DEPTH are counted, but keep the name at DEPTH. */
struct thread {
	struct list node; /* in the_guests.threads, under its lock */
	char name[THREAD_NAME];
	_Atomic(const char *) guests[DEPTH], guest_calls[DEPTH];
	atomic_uint depth; /* 0: in our own code */
	atomic_uint calls; /* entered so far */
	/* What guest_each_stuck saw at its start; under the lock. */
	unsigned seen_calls;
	bool was_in;
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
} the_guests = { .lock = PTHREAD_MUTEX_INITIALIZER,
	         .threads = { &the_guests.threads, &the_guests.threads } };

static _Thread_local struct thread me;

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

void guest_enter(const char *plugin, const char *call)
{
	unsigned depth = atomic_load_explicit(&me.depth, memory_order_relaxed);
	unsigned calls = atomic_load_explicit(&me.calls, memory_order_relaxed);

	if (depth < DEPTH) {
		atomic_store_explicit(&me.guests[depth], plugin, memory_order_relaxed);
		atomic_store_explicit(&me.guest_calls[depth], call, memory_order_relaxed);
	}
	atomic_store_explicit(&me.calls, calls + 1, memory_order_relaxed);
	atomic_store_explicit(&me.depth, depth + 1, memory_order_release);
}

/* Set in the child alone. It has one thread, the one that called fork(). */
static bool is_stray_child;
static void (*the_stray_child)(void);

static void on_forked(void)
{
	is_stray_child = guest_current() != NULL;
}

void guest_on_stray_child(void (*fn)(void))
{
	the_stray_child = fn;
	pthread_atfork(NULL, NULL, on_forked);
}

void guest_leave(void)
{
	unsigned depth = atomic_load_explicit(&me.depth, memory_order_relaxed);

	if (is_stray_child)
		the_stray_child();
	atomic_store_explicit(&me.depth, depth - 1, memory_order_release);
}

/* The innermost name; NULL: the thread runs our own code. */
static const char *innermost(struct thread *thread, _Atomic(const char *) *names)
{
	unsigned depth = atomic_load_explicit(&thread->depth, memory_order_acquire);

	if (depth == 0)
		return NULL;
	return atomic_load_explicit(&names[depth < DEPTH ? depth - 1 : DEPTH - 1],
	                            memory_order_relaxed);
}

static const char *guest_of(struct thread *thread)
{
	return innermost(thread, thread->guests);
}

const char *guest_current(void)
{
	return guest_of(&me);
}

const char *guest_current_call(void)
{
	return innermost(&me, me.guest_calls);
}

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

void guest_each_stuck(int64_t for_ms, void (*fn)(const char *thread, const char *guest, void *arg),
                      void *arg)
{
	struct list *threads = &the_guests.threads;

	pthread_mutex_lock(&the_guests.lock);
	for (struct list *i = threads->next; i != threads; i = i->next) {
		struct thread *thread = CONTAINER_OF(i, struct thread, node);

		thread->was_in = guest_of(thread) != NULL;
		thread->seen_calls = atomic_load(&thread->calls);
	}
	pthread_mutex_unlock(&the_guests.lock);
	poll(NULL, 0, (int)for_ms);
	pthread_mutex_lock(&the_guests.lock);
	for (struct list *i = threads->next; i != threads; i = i->next) {
		struct thread *thread = CONTAINER_OF(i, struct thread, node);
		const char *guest = guest_of(thread);

		if (guest && thread->was_in && thread->seen_calls == atomic_load(&thread->calls))
			fn(thread->name, guest, arg);
	}
	pthread_mutex_unlock(&the_guests.lock);
}
