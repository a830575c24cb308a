/* runtime - what a server and a client have in common below them: the process's limits, worker
 * threads, metrics, resolver, and the plugins of the configuration. [main] */
#ifndef CORE_RUNTIME_H
#define CORE_RUNTIME_H

#include "chain/plugin_set.h"
#include "process/trim.h"

struct grant;
struct metrics;
struct resolver;
struct retirer;

struct runtime {
	struct config *config;  /* ref */
	struct loop *main_loop; /* owned, all of it */
	struct loop **loops;    /* the workers' */
	unsigned n_workers, n_running;
	struct metrics *metrics;
	struct resolver *resolver;
	struct registry registry;
	struct retirer *retirer;
	struct plugin_set *set; /* ref */
	unsigned generation;    /* of the set: 1, and one more with each reload */
	int64_t started_ms;
	struct trim trim;
	bool host_ready;
};

/* No core file of this process, which would hold its secrets. To be called before there are any. */
void runtime_forbid_core(void);
/* What the role's section says of its workers. */
struct runtime_terms {
	int64_t workers; /* 0: one for each CPU */
	int64_t busy_poll_us;
};

/* revalidate and its argument: as in struct host_services; NULL on a client. What is wrong with the plugins goes to
 * the diag, other failures to standard error. False if the diag is not empty then: a configuration
 * that is wrong is checked to its end, but not started. One that is only to be checked binds
 * nothing and starts no exporters. runtime_stop has to be called in any case. */
bool runtime_start(struct runtime *runtime, struct config *config,
                   const struct runtime_terms *terms,
                   void (*revalidate)(void *arg, struct instance *instance, spore_str identity,
                                      int32_t verdict, struct grant *grant),
                   void *revalidate_arg, struct diag *diag);
/* Who puts the new set in the place of the old one: all of it or, with a reason in *err, nothing.
 */
struct runtime_swap {
	bool (*take)(struct plugin_set *set, void *arg, struct err *err);
	void *arg;
};

/* Another configuration: its plugins are loaded, created and started beside those that run, then
 * swapped. False, and the reasons in the diag: all is as before. */
bool runtime_renew(struct runtime *runtime, struct config *config, const struct runtime_swap *swap,
                   struct diag *diag);
/* False when a plugin's thread could not be ended: then leave by _exit, since it still uses memory.
 */
bool runtime_stop(struct runtime *runtime);
/* Warns where the kernel gives less than what was asked for. */
void runtime_check_buffers(int64_t send, int64_t receive);

#endif
