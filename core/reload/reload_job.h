/* reload_job - one reading of the configuration of a running process, with the preparation of its
 * plugins, or the renewal of some of the running instances, on the control thread. */
#ifndef CORE_RELOAD_JOB_H
#define CORE_RELOAD_JOB_H

#include <stdbool.h>

#include "process/plugins.h"
#include "process/steward.h"
#include "reload/reload_words.h"

struct reload;

struct reload_job {
	struct steward_job job;
	struct reload *reload; /* borrowed; NULL: it does not wait any more. [main] */
	struct plugins *plugins;
	unsigned role;             /* of the configuration */
	struct reload_words words; /* empty: a renewal */
	struct renewal renewal;    /* what is renewed; its results, too */
	void (*done)(struct reload_job *job);
	/* The results. */
	struct plugins_draft draft;
	struct config *config; /* ref; what was read, also if it is wrong; NULL: nothing was read */
	bool is_good;          /* the draft is ready */
	char *mistakes;        /* if it is not; owned, as in struct reload_answer */
	char *warnings; /* logged while it was prepared, also by plugins; owned; lines as there */
};

/* Begins to read the configuration of this role that the words name, which may take wait_ms. `done`
 * runs on main and ends with reload_job_free. NULL: out of memory. [main] */
struct reload_job *reload_job_start(struct reload *reload, struct plugins *plugins, unsigned role,
                                    const struct reload_words *words, int64_t wait_ms,
                                    void (*done)(struct reload_job *job));
/* Begins to make the instances of the renewal anew, and takes the renewal on success. The rest is
 * as with reload_job_start. [main] */
struct reload_job *reload_job_start_renewal(struct reload *reload, struct plugins *plugins,
                                            struct renewal *renewal, int64_t wait_ms,
                                            void (*done)(struct reload_job *job));
/* Nobody needs the result of the job any more. The job ends as soon as the plugin's call returns.
 * [main] */
void reload_job_give_up(struct reload_job *job);
bool reload_job_is_given_up(const struct reload_job *job);
/* After `done`. Ends the prepared plugins, unless they are used. [main] */
void reload_job_free(struct reload_job *job);

#endif
