#include "log/pace.h"

enum { PACE_MS = 1000 };

bool pace_allows(struct pace *pace, int64_t now_ms, unsigned *held_out)
{
	int64_t next_ms = atomic_load(&pace->next_ms);

	/* One of the threads that come at the same time logs the event; the others are counted. */
	if (now_ms < next_ms ||
	    !atomic_compare_exchange_strong(&pace->next_ms, &next_ms, now_ms + PACE_MS)) {
		atomic_fetch_add(&pace->held, 1);
		return false;
	}
	*held_out = atomic_exchange(&pace->held, 0);
	return true;
}

/* ---- a trouble that lasts ---- */

void trouble_init(struct trouble *trouble)
{
	*trouble = (struct trouble){ .since_ms = 0 };
	pthread_mutex_init(&trouble->lock, NULL);
}

void trouble_fini(struct trouble *trouble)
{
	pthread_mutex_destroy(&trouble->lock);
}

/* Under the lock. */
static void begin_trouble(struct trouble *trouble, int64_t now_ms)
{
	if (atomic_load(&trouble->lasts))
		return;
	atomic_store(&trouble->lasts, true);
	trouble->since_ms = now_ms;
	trouble->is_told = false;
	if (!trouble->ended_ms || now_ms - trouble->ended_ms >= TROUBLE_OVER_MS) {
		trouble->next_ms = now_ms;
		trouble->pause_ms = TROUBLE_FIRST_MS;
	}
}

/* Under the lock. */
static bool take_line(struct trouble *trouble, int64_t now_ms, unsigned *held_out)
{
	if (now_ms < trouble->next_ms) {
		trouble->held++;
		return false;
	}
	*held_out = trouble->held;
	trouble->held = 0;
	trouble->is_told = true;
	trouble->next_ms = now_ms + trouble->pause_ms;
	trouble->pause_ms = trouble->pause_ms < TROUBLE_MOST_MS / 2 ? 2 * trouble->pause_ms
	                                                            : TROUBLE_MOST_MS;
	return true;
}

bool trouble_note(struct trouble *trouble, int64_t now_ms, unsigned *held_out)
{
	bool has_line;

	pthread_mutex_lock(&trouble->lock);
	begin_trouble(trouble, now_ms);
	has_line = take_line(trouble, now_ms, held_out);
	pthread_mutex_unlock(&trouble->lock);
	return has_line;
}

bool trouble_ends(struct trouble *trouble, int64_t now_ms, struct trouble_end *out)
{
	bool has_line = false;

	if (!atomic_load_explicit(&trouble->lasts, memory_order_relaxed))
		return false;
	pthread_mutex_lock(&trouble->lock);
	if (atomic_exchange(&trouble->lasts, false)) {
		has_line = trouble->is_told;
		trouble->ended_ms = now_ms;
	}
	if (has_line) {
		*out = (struct trouble_end){ now_ms - trouble->since_ms, trouble->held };
		trouble->held = 0;
	}
	pthread_mutex_unlock(&trouble->lock);
	return has_line;
}

unsigned trouble_take_held(struct trouble *trouble)
{
	unsigned held;

	pthread_mutex_lock(&trouble->lock);
	held = trouble->held;
	trouble->held = 0;
	pthread_mutex_unlock(&trouble->lock);
	return held;
}
