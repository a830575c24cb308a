/* policy_file - reads the limits of names from a JSON file, in the form of the option "policy":
 *
 *     { "*": { "max_conns": 500 }, "alice": { "ports": "20000-20099,20500", "life": "1h" } }
 */
#ifndef AUTH_HTPASSWD_POLICY_FILE_H
#define AUTH_HTPASSWD_POLICY_FILE_H

#include <spore/plugin.h>
#include <stdbool.h>

#include "../common/client/terms.h"

struct named_policy {
	char *name; /* owned */
	struct terms terms;
	struct policy policy; /* borrows the ports of the terms */
};

/* Zeroed: none. */
struct policy_file {
	struct named_policy *items; /* owned; in the order of the file */
	size_t n;
};

/* Reads the file, and reports every mistake, with its JSON pointer in the file, at "/policy_file".
 * True: no mistakes. The caller must call policy_file_fini in any case. [main] */
bool policy_file_read(struct policy_file *file, const spore_create_args *args, const char *path);
void policy_file_fini(struct policy_file *file);

#endif
