/* reload - reads the configuration of a running server or client again and swaps it in, completely
 * or not at all: on HUP, when the files of a server change, or on request. [main]
 *
 *   asked ─▶ the control thread prepares the plugins ─▶ all workers take them ─▶ answered
 *                       │ plugins.start_timeout
 *                       └▶ given up: refused, and so is every other reload until the call into
 *                          the plugin returns
 *
 * Main serves meanwhile. Only one reload runs. What is asked for meanwhile waits for one further
 * reload, which begins after it.
 *
 * If only files of some plugin instances change, the same steps make just these anew, with the
 * configuration that runs: a renewal (chain/renewal). */
#ifndef CORE_RELOAD_H
#define CORE_RELOAD_H

#include <ev.h>
#include <stdbool.h>

#include "base/list.h"
#include "config/effective.h"
#include "reload/reload_answer.h"
#include "reload/reload_record.h"
#include "reload/reload_words.h"
#include "reload/watch.h"

struct drain;
struct plugin_set;
struct reload_job;
struct runtime;
struct survey;

/* What is reloaded: a server or a client. */
struct reload_host {
	unsigned role; /* ROLE_* */
	/* Offers the set to all workers: as server_renew and client_renew. */
	struct survey *(*renew)(void *arg, struct plugin_set *set, int64_t wait_ms,
	                        void (*taken)(struct survey *survey, void *arg), void *taken_arg,
	                        struct err *err);
	/* Logs what is doubtful now that all workers have taken the set; its warnings are a part of
	 * the answer. NULL: nothing is. */
	void (*tell)(void *arg);
	/* What the service manager shows after a reload. Valid until the next call. NULL: it has
	 * not been told yet that the process is ready. */
	const char *(*describe)(void *arg);
	void (*on_end)(void *arg); /* runs after each reload; NULL: nothing does */
	/* HUP has come. True: it asks for no reload. NULL: it always does. */
	bool (*on_hangup)(void *arg);
	void *arg;
};

/* Somebody who waits for an answer. */
struct reload_request {
	struct list node;
	/* Runs once, possibly before reload_ask returns. */
	void (*done)(struct reload_request *request, const struct reload_answer *answer);
};

struct reload {
	struct runtime *runtime;        /* NULL: stopped */
	const struct reload_host *host; /* borrowed, as are the next two */
	struct drain *drain;
	const struct reload_words *words;
	struct effective started; /* the values at the start that only a restart changes */
	ev_signal hangup;
	bool is_closed; /* every reload is refused */
	struct watch watch;
	bool is_renewal;        /* a renewal runs, not a reload */
	struct reload_job *job; /* prepares the plugins, or was given up and has not returned */
	ev_timer limit;         /* how long the job may take */
	struct survey *taking;  /* while the workers take the new configuration; else NULL */
	struct reload_answer answer; /* of the reload that runs */
	struct effective before;     /* the values before that reload */
	struct reload_record record; /* how the last reload ended */
	struct list waiting_now;     /* requests that the reload that runs will answer */
	struct list waiting_next;    /* requests that came later: the next reload answers them */
	bool is_wanted;              /* HUP or changed files ask for the next reload */
};

/* Blocks HUP (hold) until reload_start, or lets it end the process again (not hold). */
void reload_hold(bool hold);
/* Handles HUP, including one that is pending, and watches the files of a server. The host must be
 * able to renew when the loop runs. */
void reload_start(struct reload *reload, struct runtime *runtime, const struct reload_host *host,
                  struct drain *drain, const struct reload_words *words);
/* Reloads, or joins the next reload, and logs the result. */
void reload_ask(struct reload *reload, struct reload_request *request);
/* `done` will not run. The reload goes on. */
void reload_forget(struct reload_request *request);
/* From now on every reload is refused, also one that runs: the process drains. [main] */
void reload_close(struct reload *reload);
/* As reload_close, and HUP is ignored. May be called again. */
void reload_stop(struct reload *reload);

#endif
