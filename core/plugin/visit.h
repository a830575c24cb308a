/* visit - a call into a plugin, outside the data path, after which the state of the process is
 * restored (process_state). A plugin that changed it is named in the log. */
#ifndef CORE_VISIT_H
#define CORE_VISIT_H

#include "plugin/process_state.h"

struct visit {
	struct process_state before;
	const char *plugin; /* borrowed */
	const char *call;   /* borrowed */
};

/* Enters the plugin's code, as guest_enter does. `plugin` is from guest_name. `call` is what the
 * log calls it: "load", "create". [any] */
void visit_begin(struct visit *visit, const char *plugin, const char *call);
/* Leaves the plugin's code, on the same thread. Logs at most one warning. Ends the process if the
 * plugin closed descriptors of the process. [any] */
void visit_end(struct visit *visit);

#endif
