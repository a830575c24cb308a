/* repeats - limits the log lines that somebody can repeat at will.
 *
 * Lines with one key are repetitions of each other. The table allows `burst` of them at once, and
 * then one each period. The next line tells how many were held back before it. If none comes for
 * REPEATS_QUIET_MS, repeats_tell_rest() tells their number. The table remembers REPEATS_MOST keys,
 * and forgets the one whose turn comes first. */
#ifndef CORE_REPEATS_H
#define CORE_REPEATS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REPEATS_MOST = 256, REPEATS_KEY_SIZE = 24, REPEATS_QUIET_MS = 5000 };

struct repeat_pace {
	int64_t period_ms;
	unsigned burst; /* at least 1 */
};

/* What the held lines are about. The texts are permanent; reason: NULL if the event says it all. */
struct repeat_topic {
	const char *event, *reason;
	int level; /* enum log_level */
};

struct repeat {
	uint8_t key[REPEATS_KEY_SIZE];
	struct repeat_topic topic;
	int64_t next_ms; /* when a whole burst is allowed again; 0: never used */
	int64_t held_ms; /* when the last line was held back */
	unsigned held;   /* lines that were held back and that nobody has told yet */
};

struct repeats {
	pthread_mutex_t lock; /* held for one look-up */
	struct repeat all[REPEATS_MOST];
};

#define REPEATS_INITIALIZER                                                                        \
	{                                                                                          \
		.lock = PTHREAD_MUTEX_INITIALIZER                                                  \
	}

/* For a table that REPEATS_INITIALIZER cannot initialize. [main] */
void repeats_init(struct repeats *repeats);
void repeats_fini(struct repeats *repeats);
/* A line that wants to be logged. size: of the key, at most REPEATS_KEY_SIZE. */
struct repeat_line {
	const void *key;
	size_t size;
	struct repeat_topic topic;
};

/* True: log the line now; *held_out: how many of this key were held back before it. now_ms:
 * monotonic. [any] */
bool repeats_allow(struct repeats *repeats, const struct repeat_line *line,
                   const struct repeat_pace *pace, int64_t now_ms, unsigned *held_out);
/* Tells for each topic how many lines were held back. Counts only quiet keys: no line of such a key
 * was held back within the last REPEATS_QUIET_MS. If now_ms is INT64_MAX, all keys count. `tell`
 * must not call functions of the table. [any] */
void repeats_tell_rest(struct repeats *repeats, int64_t now_ms,
                       void (*tell)(const struct repeat_topic *topic, unsigned held));

#endif
