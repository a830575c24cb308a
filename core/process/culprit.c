#include "process/culprit.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "secret/output.h"
#include "thread/guest.h"

struct suspect {
	const char *plugin, *call; /* NULL: nobody */
	char thread[16];
	bool is_control;
	int64_t since_ns;
};

static void look_at(const struct guest_view *view, void *arg)
{
	struct suspect *suspect = arg;
	bool is_control = strcmp(view->thread, "control") == 0;
	bool counts = is_control || view->kind == GUEST_WORKER;

	if (!view->call_ns || !counts || suspect->is_control)
		return;
	if (suspect->plugin && !is_control && suspect->since_ns <= view->call_ns)
		return;
	*suspect = (struct suspect){ view->plugin, view->call, "", is_control, view->call_ns };
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

const char *culprit_describe(char text_out[CULPRIT_TEXT_SIZE])
{
	struct suspect suspect = { .plugin = NULL };
	bool is_load;

	guest_each(look_at, &suspect);
	if (!suspect.plugin)
		return describe_program(text_out);
	is_load = strcmp(suspect.call, "load") == 0;
	snprintf(text_out, CULPRIT_TEXT_SIZE, "plugin %s has not returned from %s%s%s%s for %lld s",
	         suspect.plugin, is_load ? "its constructors" : suspect.call, is_load ? "" : "()",
	         suspect.is_control ? "" : " on ", suspect.is_control ? "" : suspect.thread,
	         (long long)((clock_coarse_ns() - suspect.since_ns) / 1000000000));
	return text_out;
}
