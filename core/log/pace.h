/* pace - limits how often the log tells of an event that somebody can repeat at will: one line a
 * second; or, of a trouble that lasts, a line at once, others after pauses that grow, and one at
 * its end. */
#ifndef CORE_PACE_H
#define CORE_PACE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Zero-initialised: nothing has been logged yet. */
struct pace {
	_Atomic int64_t next_ms; /* 0, or when the next line may be logged */
	atomic_uint held;        /* lines that were held back since the last one */
};

/* True: log the event now; *held_out: how many were held back before it. now_ms: monotonic, greater
 * than 0. [any] */
bool pace_allows(struct pace *pace, int64_t now_ms, unsigned *held_out);

/* The first pause, the longest one, and how long all must be well until the pauses begin anew. */
enum { TROUBLE_FIRST_MS = 10000, TROUBLE_MOST_MS = 3600000, TROUBLE_OVER_MS = 60000 };

/* A trouble lasts from its first event until somebody says that it is over. If it comes back soon,
 * it has no line before its pause has passed. */
struct trouble {
	pthread_mutex_t lock; /* of the rest, held for a few instructions */
	atomic_bool lasts;
	int64_t since_ms, ended_ms; /* of the present one; of the last one, 0: there was none */
	int64_t next_ms, pause_ms;  /* when the next line may be logged; the pause behind it */
	unsigned held;              /* events without a line since the last one */
	bool is_told;               /* the log has a line about the present one */
};

/* What the line about the end says. */
struct trouble_end {
	int64_t lasted_ms;
	unsigned held; /* events without a line since the last one */
};

void trouble_init(struct trouble *trouble);
void trouble_fini(struct trouble *trouble);
/* The trouble happens. Returns the same as pace_allows. [any] */
bool trouble_note(struct trouble *trouble, int64_t now_ms, unsigned *held_out);
/* The trouble is over. True: log this, with *out. Cheap if there is no trouble. [any] */
bool trouble_ends(struct trouble *trouble, int64_t now_ms, struct trouble_end *out);
/* How many events had no line yet; they count no more. [any] */
unsigned trouble_take_held(struct trouble *trouble);

#endif
