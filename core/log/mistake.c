#include "log/mistake.h"

#include <pthread.h>
#include <stdbool.h>

#include "base/clock.h"
#include "log/log.h"
#include "thread/code.h"
#include "thread/guest.h"

enum { MOST = 256, PERIOD_MS = 10000 };

/* Texts are compared by their address, since they are permanent. */
struct repeat {
	const char *plugin, *call, *argument;
	int64_t next_ms; /* before this time it is withheld */
	unsigned withheld;
};

/* Global, since the complete_*() functions know no instance. */
static struct {
	pthread_mutex_t lock; /* held only for a look-up */
	struct repeat repeats[MOST];
} the_mistakes = { .lock = PTHREAD_MUTEX_INITIALIZER };

static bool is_same(const struct repeat *a, const struct repeat *b)
{
	return a->plugin == b->plugin && a->call == b->call && a->argument == b->argument;
}

/* The entry of this mistake, or else the one that has not been used for longest. */
static struct repeat *find_repeat(const struct repeat *wanted)
{
	struct repeat *oldest = the_mistakes.repeats;

	for (struct repeat *i = the_mistakes.repeats; i < the_mistakes.repeats + MOST; i++) {
		if (is_same(i, wanted))
			return i;
		if (i->next_ms < oldest->next_ms)
			oldest = i;
	}
	return oldest;
}

/* True if a line may be written now; `mistake` then has the number of those withheld before. */
static bool is_due(struct repeat *mistake)
{
	int64_t now_ms = clock_ms();
	struct repeat *repeat;
	bool due;

	pthread_mutex_lock(&the_mistakes.lock);
	repeat = find_repeat(mistake);
	due = now_ms >= repeat->next_ms;
	if (due) {
		mistake->withheld = is_same(repeat, mistake) ? repeat->withheld : 0;
		*repeat = *mistake;
		repeat->next_ms = now_ms + PERIOD_MS;
		repeat->withheld = 0;
	} else if (is_same(repeat, mistake)) {
		repeat->withheld++;
	}
	pthread_mutex_unlock(&the_mistakes.lock);
	return due;
}

spore_status mistake(const char *plugin, const char *call, const char *argument)
{
	struct repeat this = { plugin ? plugin : guest_current(), call, argument, 0, 0 };

	if (!this.plugin)
		this.plugin = code_on_stack();
	if (is_due(&this))
		log_warn("plugin passed a bad argument",
		         log_str("plugin", this.plugin ? this.plugin : "unknown"),
		         log_str("call", call), log_str("argument", argument),
		         log_int("withheld", this.withheld));
	return SPORE_EINVAL;
}
