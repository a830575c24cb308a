/* option - the machine behind option tables: a JSON object, checked against a table, becomes a
 * filled struct. Serves the core's own tables and the plugins'. [main] */
#ifndef CORE_OPTION_H
#define CORE_OPTION_H

#include <spore/option.h>

#include "diag/diag.h"
#include "files/files.h"

/* What becomes of a running process when an option changes under it. */
enum option_change {
	OPTION_LIVE,     /* all goes by it at once */
	OPTION_NEW_ONLY, /* new connections and tunnels go by it; those that stand do not notice */
	OPTION_RESTART   /* it holds from the next start on */
};

/* In the flags of the core's own rows, beside SPORE_OPTF_*, and for all that is below them; a row
 * without either is OPTION_LIVE. */
#define OPTIONF_NEW_ONLY (1u << 30)
#define OPTIONF_RESTART  (1u << 31)

struct option_table {
	const spore_option *rows;
	uint32_t n, stride; /* stride: sizeof(spore_option) as its writer was compiled */
};

struct option_scope {
	struct json_doc *doc; /* lists, maps and secrets live in it */
	struct diag *diag;
	const char *folder;        /* that relative paths start from */
	const char *const *ignore; /* NULL-ended keys that are somebody else's; may be NULL */
	struct files *files;       /* gets those that are read; may be NULL */
};

/* Fills `conf` (zeroed by the caller) from `object` (NULL: all defaults). Every mistake goes to the
 * diag, and leaves the default where it stands; true if there was none. */
bool option_fill(const struct option_scope *scope, const struct option_table *table,
                 const struct json *object, void *conf);
/* The row of that name, or NULL. */
const spore_option *option_find(const struct option_table *table, const char *name);
const spore_option *option_row(const struct option_table *table, uint32_t index);
/* What its flags say; `otherwise` if they say nothing. */
enum option_change option_change_of(const spore_option *row, enum option_change otherwise);

#endif
