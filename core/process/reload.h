/* reload - reads the configuration of a running server again and swaps it in, completely or not at
 * all: on HUP, when its files change, or on request. [main] */
#ifndef CORE_RELOAD_H
#define CORE_RELOAD_H

#include <ev.h>
#include <stdbool.h>

#include "config/effective.h"
#include "process/reload_answer.h"
#include "process/reload_words.h"
#include "process/watch.h"

struct drain;
struct runtime;
struct server;

struct reload {
	struct runtime *runtime;      /* NULL: stopped */
	struct server *const *server; /* borrowed, as are the next two */
	struct drain *drain;
	const struct reload_words *words;
	struct effective started; /* the values at the start that only a restart changes */
	ev_signal hangup;
	struct watch watch;
};

/* Blocks HUP (hold) until reload_start, or lets it end the process again (not hold). */
void reload_hold(bool hold);
/* Handles HUP, including one that is pending, and watches the files. `*server` must be set when
 * the loop runs. */
void reload_start(struct reload *reload, struct runtime *runtime, struct server *const *server,
                  struct drain *drain, const struct reload_words *words);
/* Reloads now and logs the result. */
void reload_now(struct reload *reload, struct reload_answer *answer_out);
/* From now on every reload is refused. May be called again. */
void reload_stop(struct reload *reload);

#endif
