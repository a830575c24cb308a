#include "plugin/visit.h"

#include <stdlib.h>
#include <unistd.h>

#include "log/log.h"
#include "thread/guest.h"

void visit_begin(struct visit *visit, const char *plugin, const char *call)
{
	visit->plugin = plugin;
	visit->call = call;
	process_state_record(&visit->before);
	guest_enter(plugin, call);
}

static void log_changes(const struct visit *visit, const struct process_changes *changes)
{
	struct log_field fields[4] = { log_str("plugin", visit->plugin),
		                       log_str("call", visit->call) };
	size_t n = 2;

	if (*changes->restored)
		fields[n++] = log_str("restored", changes->restored);
	if (*changes->lost)
		fields[n++] = log_str("not_restored", changes->lost);
	if (n > 2)
		log_event(LOG_WARN, "plugin changed the state of the process", fields, n);
	if (*changes->runtime)
		log_debug("plugin installed the handlers of a language runtime",
		          log_str("plugin", visit->plugin), log_str("call", visit->call),
		          log_str("handlers", changes->runtime));
}

/* The process cannot go on: the descriptors that it waits for, writes to and listens on may be
 * closed, also that of the log. */
static void end_process(const struct visit *visit)
{
	const struct log_field fields[] = { log_str("plugin", visit->plugin),
		                            log_str("call", visit->call) };

	log_at_once("plugin closed descriptors of the process", fields, 2);
	_exit(EXIT_FAILURE);
}

void visit_end(struct visit *visit)
{
	struct process_changes changes;

	guest_leave();
	process_state_restore(&visit->before, &changes);
	if (changes.descriptors_lost)
		end_process(visit);
	log_changes(visit, &changes);
}
