/* runtime - what a server and a client both need to run: worker threads, the control thread, log,
 * metrics, resolver, and the plugins of the configuration. [main] */
#ifndef CORE_RUNTIME_H
#define CORE_RUNTIME_H

#include "process/notify.h"
#include "process/plugins.h"
#include "process/trim.h"

struct metrics;
struct resolver;
struct revision;

struct runtime {
	struct config *config;  /* ref */
	struct loop *main_loop; /* owned, as is all below */
	struct loop **loops;    /* of the workers */
	unsigned n_workers, n_running;
	struct metrics *metrics;
	struct resolver *resolver;
	struct plugins plugins;
	int64_t started_ms;
	struct trim trim;
	struct notify notify; /* nobody, if the configuration is only checked */
	bool host_ready;
};

/* What the section of the role says about its workers. */
struct runtime_terms {
	int64_t workers; /* 0: one per CPU */
	int64_t busy_poll_us;
	bool is_heir; /* another process serves: the service manager hears nothing yet */
};

/* Starts all parts. `revise` and its argument are those of struct host_services; NULL for a
 * client. Mistakes in plugins' options go to the diag, other failures to standard error.
 *
 * Returns false if the diag has a mistake at the end: a configuration with mistakes is checked
 * completely, but not started. A configuration that is only to be checked binds nothing and starts
 * no exporters. Plugins that are not ready after plugins.start_timeout, and TERM and INT, end the
 * start. The caller must call runtime_stop in any case. */
bool runtime_start(struct runtime *runtime, struct config *config,
                   const struct runtime_terms *terms,
                   void (*revise)(void *arg, const struct revision *revision), void *revise_arg,
                   struct diag *diag);
/* Replaces the configuration. The draft was prepared with it: see plugins_use. */
void runtime_renew(struct runtime *runtime, struct config *config, struct plugins_draft *draft);
/* What the log warns of whenever a configuration takes effect, one line each. Owned by the caller;
 * "": nothing; NULL: out of memory. */
char *runtime_print_warnings(const struct runtime *runtime);
/* False: a plugin's thread did not end. It still uses memory, so the process must end with _exit.
 */
bool runtime_stop(struct runtime *runtime);

#endif
