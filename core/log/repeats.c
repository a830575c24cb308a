#include "log/repeats.h"

#include <assert.h>
#include <string.h>

void repeats_init(struct repeats *repeats)
{
	memset(repeats, 0, sizeof *repeats);
	pthread_mutex_init(&repeats->lock, NULL);
}

void repeats_fini(struct repeats *repeats)
{
	pthread_mutex_destroy(&repeats->lock);
}

/* The entry of this key. If there is none, the entry whose turn comes first, which take_turn may
 * give to this key. */
static struct repeat *get_repeat(struct repeats *repeats, const uint8_t key[REPEATS_KEY_SIZE])
{
	struct repeat *oldest = repeats->all;

	for (struct repeat *i = repeats->all; i < repeats->all + REPEATS_MOST; i++) {
		if (memcmp(i->key, key, REPEATS_KEY_SIZE) == 0)
			return i;
		if (i->next_ms < oldest->next_ms)
			oldest = i;
	}
	return oldest;
}

/* When the table is full of keys whose turn has not come, a line of a new key is held back, and not
 * counted. */
static bool take_turn(struct repeat *repeat, const uint8_t key[REPEATS_KEY_SIZE],
                      const struct repeat_topic *topic, const struct repeat_pace *pace,
                      int64_t now_ms, unsigned *held_out)
{
	bool is_known = memcmp(repeat->key, key, REPEATS_KEY_SIZE) == 0;
	/* A line of a burst may come this much before next_ms. */
	int64_t burst_ms = is_known ? pace->period_ms * (pace->burst - 1) : 0;

	if (now_ms < repeat->next_ms - burst_ms) {
		if (is_known) {
			repeat->held++;
			repeat->held_ms = now_ms;
		}
		return false;
	}
	*held_out = is_known ? repeat->held : 0;
	memcpy(repeat->key, key, REPEATS_KEY_SIZE);
	repeat->topic = *topic;
	repeat->next_ms = (repeat->next_ms > now_ms ? repeat->next_ms : now_ms) + pace->period_ms;
	repeat->held = 0;
	return true;
}

bool repeats_allow(struct repeats *repeats, const struct repeat_line *line,
                   const struct repeat_pace *pace, int64_t now_ms, unsigned *held_out)
{
	uint8_t padded[REPEATS_KEY_SIZE] = { 0 };
	bool allowed;

	assert(line->size <= REPEATS_KEY_SIZE);
	memcpy(padded, line->key, line->size);
	pthread_mutex_lock(&repeats->lock);
	allowed = take_turn(get_repeat(repeats, padded), padded, &line->topic, pace, now_ms,
	                    held_out);
	pthread_mutex_unlock(&repeats->lock);
	return allowed;
}

/* Returns how many lines of this topic were held back by keys that are quiet, and forgets them. */
static unsigned take_held(struct repeats *repeats, const struct repeat_topic *topic, int64_t now_ms)
{
	unsigned held = 0;

	for (struct repeat *i = repeats->all; i < repeats->all + REPEATS_MOST; i++) {
		if (i->topic.event != topic->event || i->topic.reason != topic->reason ||
		    now_ms - i->held_ms < REPEATS_QUIET_MS)
			continue;
		held += i->held;
		i->held = 0;
	}
	return held;
}

void repeats_tell_rest(struct repeats *repeats, int64_t now_ms,
                       void (*tell)(const struct repeat_topic *topic, unsigned held))
{
	pthread_mutex_lock(&repeats->lock);
	for (struct repeat *i = repeats->all; i < repeats->all + REPEATS_MOST; i++) {
		if (i->held > 0 && now_ms - i->held_ms >= REPEATS_QUIET_MS)
			tell(&i->topic, take_held(repeats, &i->topic, now_ms));
	}
	pthread_mutex_unlock(&repeats->lock);
}
