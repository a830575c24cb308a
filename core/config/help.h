/* help - the flags of a role's command line, for --help and for the reference. [main] */
#ifndef CORE_HELP_H
#define CORE_HELP_H

#include <spore/option.h>
#include <stdio.h>

#include "config/shorthands.h"

struct help_flag {
	char letter;         /* 0: no short form */
	char flag[64];       /* "--control-port" */
	const char *metavar; /* "PORT"; "": the flag takes no value */
	const char *doc;
	char variables[128];               /* "SPORE_SECRET, BORE_SECRET"; "": none */
	const struct shorthand *shorthand; /* NULL: the flag has no key */
	const spore_option *option;        /* of the core, which the flag sets; or NULL */
	const char *group;                 /* title of the flags that it belongs to: "Operation" */
	size_t rank;                       /* its place in the help */
};

enum { HELP_MAX_FLAGS = 128 };

/* Lists the flags of a role in the order of the help: group by group, the most common first.
 * Returns how many there are. */
size_t help_list(unsigned role, struct help_flag flags_out[HELP_MAX_FLAGS]);
/* The core's option at the target "/section/name", or NULL. */
const spore_option *help_target_option(unsigned role, const char *target);
/* What --help prints. */
void help_print(unsigned role, FILE *out);

#endif
