/* help - what the command line of a role takes: for --help, and for the reference. [main] */
#ifndef CORE_HELP_H
#define CORE_HELP_H

#include <spore/option.h>
#include <stdio.h>

#include "config/shorthands.h"

struct help_flag {
	char letter;         /* 0: it has no short form */
	char flag[64];       /* "--control-port" */
	const char *metavar; /* "PORT"; "": it takes no value */
	const char *doc;
	char variables[128];               /* "SPORE_SECRET, BORE_SECRET"; "": none */
	const struct shorthand *shorthand; /* NULL: it stands for no key */
	const spore_option *option; /* of the core, which it sets; NULL: a plugin's, or none */
};

/* The flag of that number, from 0 on; false behind the last one. */
bool help_flag_at(unsigned role, size_t index, struct help_flag *flag_out);
/* The option of the core that "/section/name" means, or NULL. */
const spore_option *help_target_option(unsigned role, const char *target);
void help_print(unsigned role, FILE *out);

#endif
