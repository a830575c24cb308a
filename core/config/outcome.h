/* outcome - what a command line asks for, and how reading it and the configuration ended. */
#ifndef CORE_OUTCOME_H
#define CORE_OUTCOME_H

enum config_purpose {
	CONFIG_TO_RUN,
	CONFIG_TO_CHECK, /* --check: do all that a start does, but bind no address */
	CONFIG_TO_PRINT  /* --print-config: the same, and print the configuration */
};

enum config_outcome {
	CONFIG_LOADED,
	CONFIG_HELP,  /* the command line asked for help */
	CONFIG_USAGE, /* the command line is wrong */
	CONFIG_WRONG  /* a file, a variable or a value is wrong */
};

#endif
