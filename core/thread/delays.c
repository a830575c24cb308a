#include "thread/delays.h"

#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREAD_NAME = 16 };

/* Never removed: there are as many as plugins have calls. */
struct entry {
	struct entry *next;
	struct delay delay;
	char thread[THREAD_NAME]; /* of the longest call */
	uint64_t total;           /* calls since the start of the process */
};

/* Global, since threads of all parts of the process note delays. */
static struct {
	pthread_mutex_t lock;
	struct entry *first;
} the_delays = { .lock = PTHREAD_MUTEX_INITIALIZER };

static bool is_same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* A delay that was told has an entry for each thread. */
static bool is_entry_of(const struct entry *entry, const struct delay *delay, const char *thread)
{
	if (!is_same(entry->delay.plugin, delay->plugin) ||
	    !is_same(entry->delay.call, delay->call) || entry->delay.told != delay->told)
		return false;
	return !delay->told || strcmp(entry->thread, thread) == 0;
}

/* NULL: out of memory. Under the lock. */
static struct entry *get_entry(const struct delay *delay, const char *thread)
{
	struct entry *entry = the_delays.first;

	while (entry && !is_entry_of(entry, delay, thread))
		entry = entry->next;
	if (entry)
		return entry;
	entry = calloc(1, sizeof *entry);
	if (!entry)
		return NULL;
	entry->delay = *delay;
	entry->delay.n = 0;
	snprintf(entry->thread, sizeof entry->thread, "%s", thread);
	entry->next = the_delays.first;
	the_delays.first = entry;
	return entry;
}

static void add_to_entry(struct entry *entry, const struct delay *delay, const char *thread)
{
	bool is_first = entry->delay.n == 0; /* since the last delays_take */

	if (is_first || delay->longest_ns > entry->delay.longest_ns) {
		entry->delay.longest_ns = delay->longest_ns;
		snprintf(entry->thread, sizeof entry->thread, "%s", thread);
	}
	entry->delay.n++;
	entry->total++;
}

void delays_note(const struct delay *delay, const char *thread)
{
	struct entry *entry;

	pthread_mutex_lock(&the_delays.lock);
	entry = get_entry(delay, thread);
	if (entry)
		add_to_entry(entry, delay, thread);
	pthread_mutex_unlock(&the_delays.lock);
}

void delays_take(void (*fn)(const struct delay *delay, const char *thread, void *arg), void *arg)
{
	pthread_mutex_lock(&the_delays.lock);
	for (struct entry *i = the_delays.first; i; i = i->next) {
		if (i->delay.n > 0)
			fn(&i->delay, i->thread, arg);
		i->delay.n = 0;
	}
	pthread_mutex_unlock(&the_delays.lock);
}

uint64_t delays_count(const char *plugin)
{
	uint64_t n = 0;

	pthread_mutex_lock(&the_delays.lock);
	for (const struct entry *i = the_delays.first; i; i = i->next)
		n += is_same(i->delay.plugin, plugin) ? i->total : 0;
	pthread_mutex_unlock(&the_delays.lock);
	return n;
}
