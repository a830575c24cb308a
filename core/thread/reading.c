#include "thread/reading.h"

#include <pthread.h>
#include <stdio.h>

#include "base/clock.h"
#include "thread/guest.h"

/* Global, since the watchdog looks at it while another thread reads. */
static struct {
	pthread_mutex_t lock;
	struct reading now; /* since_ns is 0: nothing is read */
	unsigned told;      /* how often reading_hangs was true of it */
} the_reading = { .lock = PTHREAD_MUTEX_INITIALIZER };

void reading_begin(const char *path, const char *option)
{
	struct reading *now = &the_reading.now;

	pthread_mutex_lock(&the_reading.lock);
	snprintf(now->path, sizeof now->path, "%s", path);
	snprintf(now->option, sizeof now->option, "%s", option);
	now->since_ns = clock_coarse_ns();
	the_reading.told = 0;
	pthread_mutex_unlock(&the_reading.lock);
}

void reading_end(void)
{
	pthread_mutex_lock(&the_reading.lock);
	the_reading.now.since_ns = 0;
	pthread_mutex_unlock(&the_reading.lock);
}

bool reading_look(struct reading *out)
{
	pthread_mutex_lock(&the_reading.lock);
	*out = the_reading.now;
	pthread_mutex_unlock(&the_reading.lock);
	return out->since_ns != 0;
}

bool reading_hangs(struct reading *out)
{
	bool is_due = false;
	int64_t lasts_ns;

	pthread_mutex_lock(&the_reading.lock);
	*out = the_reading.now;
	lasts_ns = clock_coarse_ns() - out->since_ns;
	while (out->since_ns && lasts_ns >= GUEST_HANG_NS << the_reading.told) {
		the_reading.told++;
		is_due = true;
	}
	pthread_mutex_unlock(&the_reading.lock);
	return is_due;
}
