#include "process/culprit.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "secret/output.h"
#include "thread/guest.h"
#include "thread/reading.h"

struct suspect {
	const char *plugin, *call; /* NULL: nobody */
	char thread[16];
	bool is_control;
	int64_t since_ns;
};

static bool is_control_thread(const struct guest_view *view)
{
	return strcmp(view->thread, "control") == 0;
}

/* The call of the control thread comes before those of workers, and an older call of a worker
 * before a newer one. */
static bool comes_before(const struct guest_view *view, const struct suspect *suspect)
{
	if (suspect->is_control)
		return false;
	if (!suspect->plugin || is_control_thread(view))
		return true;
	return view->call_ns < suspect->since_ns;
}

static void look_at(const struct guest_view *view, void *arg)
{
	struct suspect *suspect = arg;
	bool may_hold_up = is_control_thread(view) || view->kind == GUEST_WORKER;

	if (!view->call_ns || !may_hold_up || !comes_before(view, suspect))
		return;
	*suspect = (struct suspect){ .plugin = view->plugin,
		                     .call = view->call,
		                     .is_control = is_control_thread(view),
		                     .since_ns = view->call_ns };
	snprintf(suspect->thread, sizeof suspect->thread, "%s", view->thread);
}

static const char *describe_program(char text_out[CULPRIT_TEXT_SIZE])
{
	char name[128];

	if (!output_runs(name, sizeof name))
		return strcpy(text_out, "no plugin is being called");
	snprintf(text_out, CULPRIT_TEXT_SIZE,
	         "the program %s, which is asked for a secret, "
	         "has not ended",
	         name);
	return text_out;
}

static long long seconds_since(int64_t since_ns)
{
	return (long long)((clock_coarse_ns() - since_ns) / 1000000000);
}

static const char *describe_reading(const struct reading *reading, char text_out[CULPRIT_TEXT_SIZE])
{
	snprintf(text_out, CULPRIT_TEXT_SIZE, "%s, which %s names, has not been read for %lld s",
	         reading->path, reading->option, seconds_since(reading->since_ns));
	return text_out;
}

const char *culprit_describe(char text_out[CULPRIT_TEXT_SIZE])
{
	struct reading reading;
	struct suspect suspect = { .plugin = NULL };
	char call[64] = "its constructors", on_thread[24] = "";

	guest_each(look_at, &suspect);
	if (!suspect.is_control && reading_look(&reading))
		return describe_reading(&reading, text_out);
	if (!suspect.plugin)
		return describe_program(text_out);
	if (strcmp(suspect.call, "load") != 0)
		snprintf(call, sizeof call, "%s()", suspect.call);
	if (!suspect.is_control)
		snprintf(on_thread, sizeof on_thread, " on %s", suspect.thread);
	snprintf(text_out, CULPRIT_TEXT_SIZE, "plugin %s has not returned from %s%s for %lld s",
	         suspect.plugin, call, on_thread, seconds_since(suspect.since_ns));
	return text_out;
}
