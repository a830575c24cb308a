#include "rest.h"

#include <time.h>

void rest_init(struct rest *rest)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&rest->lock, NULL);
	pthread_cond_init(&rest->ended, &attr);
	pthread_condattr_destroy(&attr);
	rest->is_over = false;
}

void rest_fini(struct rest *rest)
{
	pthread_cond_destroy(&rest->ended);
	pthread_mutex_destroy(&rest->lock);
}

bool rest_wait(struct rest *rest, int64_t ms)
{
	struct timespec until;
	bool is_over;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&rest->lock);
	while (!rest->is_over && pthread_cond_timedwait(&rest->ended, &rest->lock, &until) == 0)
		;
	is_over = rest->is_over;
	pthread_mutex_unlock(&rest->lock);
	return !is_over;
}

void rest_end(struct rest *rest)
{
	pthread_mutex_lock(&rest->lock);
	rest->is_over = true;
	pthread_cond_broadcast(&rest->ended);
	pthread_mutex_unlock(&rest->lock);
}
