#include "usage/refusing.h"

bool refusing_concerns_client(enum refusal why)
{
	return why == REFUSED_CLIENT_FULL || why == REFUSED_CLIENT_PACE || why == REFUSED_USED_UP;
}

/* Is it another reason than the client knows? */
static bool is_news(const struct refusing *refusing, enum refusal why, int64_t now_ms)
{
	return refusing->is_told && why != refusing->told &&
	       now_ms - refusing->told_ms >= REFUSING_CALM_MS;
}

bool refusing_note(struct refusing *refusing, enum refusal why, int64_t now_ms)
{
	if (now_ms - refusing->last_ms > 2 * refusing->pause_ms)
		refusing->pause_ms = refusing->next_ms = 0; /* it was long ago */
	refusing->last_ms = now_ms;
	refusing->is_over = false;
	refusing->why = why;
	if (now_ms < refusing->next_ms && !is_news(refusing, why, now_ms))
		return false;
	refusing->pause_ms = refusing->pause_ms ? refusing->pause_ms * 4 : REFUSING_FIRST_MS;
	if (refusing->pause_ms > REFUSING_MOST_MS)
		refusing->pause_ms = REFUSING_MOST_MS;
	refusing->next_ms = now_ms + refusing->pause_ms;
	refusing->is_told = true;
	refusing->told_ms = now_ms;
	refusing->told = why;
	return true;
}

bool refusing_is_recent(const struct refusing *refusing, int64_t now_ms)
{
	return refusing->last_ms && !refusing->is_over &&
	       now_ms - refusing->last_ms < REFUSING_FIRST_MS;
}

bool refusing_end(struct refusing *refusing, int64_t now_ms)
{
	if (now_ms - refusing->last_ms < REFUSING_CALM_MS)
		return false;
	refusing->is_over = true;
	if (!refusing->is_told)
		return false;
	refusing->is_told = false;
	if (refusing->next_ms > refusing->told_ms + REFUSING_AGAIN_MS)
		refusing->next_ms = refusing->told_ms + REFUSING_AGAIN_MS;
	return true;
}
