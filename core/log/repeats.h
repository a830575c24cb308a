/* repeats - limits the log lines that somebody can repeat at will.
 *
 * Lines with one key are repetitions of each other. Of those the table lets `burst` through at
 * once, and then one each period; the next line tells how many were held back before it. It
 * remembers REPEATS_MOST keys, and forgets the one whose turn comes first. */
#ifndef CORE_REPEATS_H
#define CORE_REPEATS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REPEATS_MOST = 256, REPEATS_KEY_SIZE = 24 };

struct repeat_pace {
	int64_t period_ms;
	unsigned burst; /* at least 1 */
};

struct repeat {
	uint8_t key[REPEATS_KEY_SIZE];
	int64_t next_ms; /* when all of the burst is there again; 0: never used */
	unsigned held;
};

struct repeats {
	pthread_mutex_t lock; /* held for one look-up */
	struct repeat all[REPEATS_MOST];
};

#define REPEATS_INITIALIZER                                                                        \
	{                                                                                          \
		.lock = PTHREAD_MUTEX_INITIALIZER                                                  \
	}

/* Instead of the initializer. [main] */
void repeats_init(struct repeats *repeats);
void repeats_fini(struct repeats *repeats);
/* True: log the line now; *held_out: how many of this key were held back before it. size: of the
 * key, at most REPEATS_KEY_SIZE. now_ms: monotonic. [any] */
bool repeats_allow(struct repeats *repeats, const void *key, size_t size,
                   const struct repeat_pace *pace, int64_t now_ms, unsigned *held_out);

#endif
