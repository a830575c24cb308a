/* reload - HUP: the configuration is read again, and swapped in whole or not at all. [main] */
#ifndef CORE_RELOAD_H
#define CORE_RELOAD_H

#include <ev.h>
#include <stdbool.h>

struct runtime;
struct server;

/* A command line kept as it came, since reading it wipes its secrets. */
struct reload_words {
	int n;
	char **items; /* owned */
};

struct reload {
	struct runtime *runtime;
	struct server *const *server;     /* borrowed */
	const struct reload_words *words; /* borrowed */
	ev_signal hangup;
};

/* False: out of memory; words_fini is fine then. */
bool reload_words_init(struct reload_words *words, int argc, char *const *argv);
/* Wipes and frees them. */
void reload_words_fini(struct reload_words *words);

/* `server` is set by the time that the loop runs: a signal that comes before it is served then. */
void reload_start(struct reload *reload, struct runtime *runtime, struct server *const *server,
                  const struct reload_words *words);
void reload_stop(struct reload *reload);

#endif
