/* rest - pauses of a thread that another thread can end. */
#ifndef EVENTS_HTTP_REST_H
#define EVENTS_HTTP_REST_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct rest {
	pthread_mutex_t lock;
	pthread_cond_t ended;
	bool is_over;
};

void rest_init(struct rest *rest);
void rest_fini(struct rest *rest);
/* Waits. False: rest_end was called, before or meanwhile. [blocking] */
bool rest_wait(struct rest *rest, int64_t ms);
/* Ends all pauses, those of the future, too. [any] */
void rest_end(struct rest *rest);

#endif
