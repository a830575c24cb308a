#include "ops/trim.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "loop/loop.h"

static const double look_every_s = 3.0;
/* Releasing costs a call for each range of pages, while an arena is locked: so not for less. */
static const int64_t worth_it = (int64_t)512 * 1024;

/* Anonymous memory; 0 where /proc does not say. */
static int64_t resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	int64_t pages = 0;
	char text[128], *at;

	if (!file)
		return 0;
	if (fgets(text, sizeof text, file)) {
		(void)strtoll(text, &at, 10); /* of all that is mapped */
		pages = strtoll(at, &at, 10);
		pages -= strtoll(at, &at, 10); /* which files back */
	}
	fclose(file);
	return pages * sysconf(_SC_PAGESIZE);
}

static int64_t unused_bytes(void)
{
	struct mallinfo2 heap = mallinfo2();

	return resident_bytes() - (int64_t)heap.uordblks - (int64_t)heap.hblkhd;
}

static void on_look(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct trim *trim = timer->data;
	int64_t unused = unused_bytes();

	(void)ev;
	(void)events;
	if (unused > trim->least + worth_it) {
		malloc_trim(0);
		trim->least = unused_bytes(); /* some pages hold a piece that is in use */
	} else if (unused < trim->least) {
		trim->least = unused;
	}
}

void trim_start(struct trim *trim, struct loop *main_loop)
{
	trim->main_loop = main_loop;
	trim->least = unused_bytes();
	ev_timer_init(&trim->look, on_look, look_every_s, look_every_s);
	trim->look.data = trim;
	ev_timer_start(loop_ev(main_loop), &trim->look);
}

void trim_stop(struct trim *trim)
{
	ev_timer_stop(loop_ev(trim->main_loop), &trim->look);
}
