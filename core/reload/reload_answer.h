/* reload_answer - the result of a reload, and how it is logged. [main] */
#ifndef CORE_RELOAD_ANSWER_H
#define CORE_RELOAD_ANSWER_H

#include <stdbool.h>

#include "config/changes.h"

#define RELOAD_REFUSED "reload refused, configuration unchanged"

struct reload_answer {
	bool swapped; /* the new configuration is in use */
	/* If swapped: the options that differ. Options that need a restart are listed until it
	 * happens. */
	struct changes changes;
	/* What is doubtful in the configuration that was read, as the log and plugins say it; lines
	 * that end in a newline. Owned; NULL: nothing. */
	char *warnings;
	/* If swapped: the files (certificates, secrets, lists, plugins) that the old and the new
	 * configuration name, and that were read again because they have changed. Owned. */
	char **files;
	size_t n_files;
	/* If not swapped: all mistakes, as at a start; lines that end in a newline. Owned; NULL:
	 * out of memory. */
	char *mistakes;
};

/* Adds such lines to the warnings (NULL: none), unless memory is out. */
void reload_answer_warn(struct reload_answer *answer, const char *lines);
/* Adds a copy of the path to the files, unless memory is out. */
void reload_answer_add_file(struct reload_answer *answer, const char *path);
void reload_answer_log(const struct reload_answer *answer);
void reload_answer_fini(struct reload_answer *answer);

#endif
