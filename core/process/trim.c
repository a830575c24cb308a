#include "process/trim.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "loop/loop.h"

/* Data for a slow peer is kept in blocks of up to 256 KiB. Both thresholds are higher. So such a
 * block is not mapped when it is allocated, and does not shrink the heap when it is freed. */
static const int mmap_threshold = 512 * 1024, shrink_threshold = 1024 * 1024;

static const double look_every_s = 3.0;
/* A release makes a system call for each range of pages, with the arena locked. It is not worth it
 * for less than this. */
static const int64_t min_release = (int64_t)256 * 1024;
/* A release cannot free a page that holds even a small piece in use. It is tried again when this
 * much has been freed, or when this much more is resident. */
static const int64_t min_progress = (int64_t)16 * 1024;

/* Anonymous memory; 0 if /proc is not readable. */
static int64_t resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	int64_t pages = 0;
	char text[128], *rest;

	if (!file)
		return 0;
	if (fgets(text, sizeof text, file)) {
		(void)strtoll(text, &rest, 10); /* skips the total size */
		pages = strtoll(rest, &rest, 10);
		pages -= strtoll(rest, &rest, 10); /* file-backed pages */
	}
	fclose(file);
	return pages * sysconf(_SC_PAGESIZE);
}

static int64_t used_bytes(void)
{
	struct mallinfo2 heap = mallinfo2();

	return (int64_t)heap.uordblks + (int64_t)heap.hblkhd;
}

/* malloc_trim does not shrink the top of another thread's heap. That happens when the thread itself
 * frees a large piece. */
static void shrink_own_heap(struct loop_task *task)
{
	enum { LARGE = 128 * 1024 };
	void *volatile piece; /* volatile: the compiler must not remove the call */

	mallopt(M_TRIM_THRESHOLD, 0);
	piece = malloc(LARGE);
	free(piece);
	mallopt(M_TRIM_THRESHOLD, shrink_threshold);
	free(task);
}

static void release(const struct trim *trim)
{
	malloc_trim(0);
	for (unsigned i = 0; i < trim->n_workers; i++) {
		struct loop_task *task = calloc(1, sizeof *task);

		if (!task)
			return;
		task->run = shrink_own_heap;
		loop_post(trim->workers[i], task);
	}
}

static bool is_worth_it(const struct trim *trim, int64_t used, int64_t unused)
{
	bool was_freed = used <= trim->used - min_progress;
	bool has_grown = unused >= trim->unused + min_progress;

	return unused >= trim->least_unused + min_release && (was_freed || has_grown);
}

static void on_look(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct trim *trim = timer->data;
	int64_t used = used_bytes(), unused = resident_bytes() - used;

	(void)ev;
	(void)events;
	if (unused < trim->unused)
		trim->unused = unused;
	if (unused < trim->least_unused)
		trim->least_unused = unused;
	if (!is_worth_it(trim, used, unused))
		return;
	release(trim);
	trim->used = used;
	trim->unused = resident_bytes() - used;
}

void trim_start(struct trim *trim, struct loop *main_loop, struct loop *const *workers,
                unsigned n_workers)
{
	mallopt(M_MMAP_THRESHOLD, mmap_threshold);
	mallopt(M_TRIM_THRESHOLD, shrink_threshold);
	trim->main_loop = main_loop;
	trim->workers = workers;
	trim->n_workers = n_workers;
	trim->used = used_bytes();
	trim->unused = resident_bytes() - trim->used;
	trim->least_unused = trim->unused;
	ev_timer_init(&trim->look, on_look, look_every_s, look_every_s);
	trim->look.data = trim;
	ev_timer_start(loop_ev(main_loop), &trim->look);
}

void trim_stop(struct trim *trim)
{
	ev_timer_stop(loop_ev(trim->main_loop), &trim->look);
}
