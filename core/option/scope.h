/* scope - what every reader of an option's value gets: where memory comes from, where mistakes go,
 * and how a path is resolved. [main] */
#ifndef CORE_SCOPE_H
#define CORE_SCOPE_H

#include "diag/diag.h"
#include "files/files.h"
#include "json/json.h"

struct option_scope {
	struct json_doc *doc; /* owns the lists, maps and secrets that are read */
	struct diag *diag;
	const char *folder;        /* relative paths in a file start here */
	const char *const *ignore; /* keys that other code reads; ends with NULL; may be NULL */
	struct files *files;       /* notes the files that are read; may be NULL */
};

#endif
