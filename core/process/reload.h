/* reload - the configuration is read again while everything runs, and swapped in whole or not at
 * all: on HUP, when its files have changed, or when somebody asks. [main] */
#ifndef CORE_RELOAD_H
#define CORE_RELOAD_H

#include <ev.h>
#include <stdbool.h>

#include "config/changes.h"
#include "process/watch.h"

struct drain;
struct runtime;
struct server;

/* A command line kept as it came, since reading it wipes its secrets. */
struct reload_words {
	int n;
	char **items; /* owned */
};

struct reload {
	struct runtime *runtime;      /* NULL: the process is about to end */
	struct server *const *server; /* borrowed */
	struct drain *drain;
	const struct reload_words *words; /* borrowed */
	struct effective started;         /* values of the start that only a restart changes */
	ev_signal hangup;
	struct watch watch;
};

/* What came of it. */
struct reload_answer {
	bool swapped;
	/* Swapped: in what the configurations differ; empty: in nothing, and what they name
	 * (certificates, secrets, lists) has been read again. What needs a restart is there until
	 * there is one. */
	struct changes changes;
	char *mistakes; /* not swapped: all of them, as at a start; lines that end in a newline;
	                   owned */
};

/* False: out of memory; words_fini is fine then. */
bool reload_words_init(struct reload_words *words, int argc, char *const *argv);
/* Wipes and frees them. */
void reload_words_fini(struct reload_words *words);

/* From now on HUP waits until reload_start; `hold` false: it ends the process again. */
void reload_hold(bool hold);
/* Takes HUP over, and one that came before. `server` is set by the time that the loop runs. */
void reload_start(struct reload *reload, struct runtime *runtime, struct server *const *server,
                  struct drain *drain, const struct reload_words *words);
/* Reads it again, now, and logs what came of it. */
void reload_now(struct reload *reload, struct reload_answer *answer_out);
void reload_answer_fini(struct reload_answer *answer);
/* From now on every answer is a mistake. May be called again. */
void reload_stop(struct reload *reload);

#endif
