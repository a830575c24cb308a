#include "outage.h"

void outage_init(struct outage *outage, unsigned at_once)
{
	*outage = (struct outage){ .at_once = at_once };
	pthread_mutex_init(&outage->lock, NULL);
}

void outage_fini(struct outage *outage)
{
	pthread_mutex_destroy(&outage->lock);
}

static void begin(struct outage *outage, int64_t now_ms)
{
	outage->lasts = true;
	outage->since_ms = now_ms;
	outage->next_ms = now_ms;
	outage->pause_ms = OUTAGE_FIRST_MS;
	outage->logged = 0;
}

/* The line that is due is logged. */
static void plan_next(struct outage *outage, int64_t now_ms)
{
	if (++outage->logged < outage->at_once)
		return;
	outage->next_ms = now_ms + outage->pause_ms;
	outage->pause_ms *= 2;
	if (outage->pause_ms > OUTAGE_MOST_MS)
		outage->pause_ms = OUTAGE_MOST_MS;
}

bool outage_note(struct outage *outage, int64_t now_ms)
{
	bool is_due;

	pthread_mutex_lock(&outage->lock);
	if (!outage->lasts)
		begin(outage, now_ms);
	is_due = now_ms >= outage->next_ms;
	if (is_due)
		plan_next(outage, now_ms);
	pthread_mutex_unlock(&outage->lock);
	return is_due;
}

bool outage_end(struct outage *outage, int64_t now_ms, int64_t *lasted_ms_out)
{
	bool lasted;

	pthread_mutex_lock(&outage->lock);
	lasted = outage->lasts;
	outage->lasts = false;
	*lasted_ms_out = now_ms - outage->since_ms;
	pthread_mutex_unlock(&outage->lock);
	return lasted;
}
