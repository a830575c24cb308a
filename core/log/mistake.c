#include "log/mistake.h"

#include "base/clock.h"
#include "log/log.h"
#include "log/repeats.h"
#include "thread/code.h"
#include "thread/guest.h"

/* Global, since the complete_*() functions know no instance. */
static struct repeats the_mistakes = REPEATS_INITIALIZER;

spore_status mistake(const char *plugin, const char *call, const char *argument)
{
	static const struct repeat_pace pace = { .period_ms = 10000, .burst = 1 };
	const char *name = plugin ? plugin : guest_current();
	const char *key[3]; /* texts are compared by their address, since they are permanent */
	unsigned withheld;

	if (!name)
		name = code_on_stack();
	key[0] = name;
	key[1] = call;
	key[2] = argument;
	if (repeats_allow(&the_mistakes, &(struct repeat_line){ key, sizeof key, { 0 } }, &pace,
	                  clock_ms(), &withheld))
		log_warn("plugin passed a bad argument", log_str("plugin", name ? name : "unknown"),
		         log_str("call", call), log_str("argument", argument),
		         log_int("withheld", withheld));
	return SPORE_EINVAL;
}
