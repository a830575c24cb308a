/* command - reads the command line and the environment by the table of shorthands. [main] */
#ifndef CORE_COMMAND_H
#define CORE_COMMAND_H

#include "config/outcome.h"
#include "config/shorthands.h"
#include "expand/ports.h"

struct diag;
struct json;

/* A value for a shorthand, and where it came from. */
struct command_value {
	const struct shorthand *shorthand;
	const char *text; /* borrowed from argv or the environment */
	char origin[64];  /* "--port", "SPORE_SECRET" */
};

enum { COMMAND_MAX_VALUES = 128 };

struct command {
	struct command_value flags[COMMAND_MAX_VALUES], variables[COMMAND_MAX_VALUES];
	size_t n_flags, n_variables;
	const char *file;        /* the path that --config or SPORE_CONFIG gives; NULL: none */
	const char *file_origin; /* "--config" or "SPORE_CONFIG" */
	/* The local ports without a flag. The first one is among the flags, too. */
	struct port_span spans[PORT_SPANS_MAX];
	size_t n_spans;
	char first_port[8]; /* if the first is a range: the text of the flag, which points here */
	enum config_purpose purpose;
};

/* CONFIG_LOADED, CONFIG_HELP, or CONFIG_USAGE with the mistake in the diag. */
enum config_outcome command_read(unsigned role, int argc, char *const *argv, struct diag *diag,
                                 struct command *command_out);
/* Warns of each variable SPORE_* that no role reads, and that the configuration at `root` does not
 * read. */
void command_warn_of_variables(unsigned role, const struct json *root);
/* The row of that name, or NULL. */
const struct shorthand *shorthand_find(unsigned role, const char *name);
/* Writes a flag such as "--control-port". */
const char *command_flag_name(const struct shorthand *shorthand, char *out, size_t size);
/* Writes a name such as "PREFIX_CONTROL_PORT". */
const char *command_variable_name(const struct shorthand *shorthand, const char *prefix, char *out,
                                  size_t size);

#endif
