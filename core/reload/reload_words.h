/* reload_words - a copy of a command line. Reading a command line wipes its secrets, and a reload
 * reads it again. [main] */
#ifndef CORE_RELOAD_WORDS_H
#define CORE_RELOAD_WORDS_H

#include <stdbool.h>

struct reload_words {
	int n;
	char **items; /* owned */
};

/* False: out of memory; reload_words_fini may be called then. */
bool reload_words_init(struct reload_words *words, int argc, char *const *argv);
/* Wipes and frees the words. */
void reload_words_fini(struct reload_words *words);

#endif
