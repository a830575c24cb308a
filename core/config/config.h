/* config - the whole configuration of a process: an immutable, reference-counted snapshot.
 *
 *      flags ─┐
 *  variables ─┼─▶ shorthands ─▶ one structured tree ─▶ option tables ─▶ settings
 *       file ─┘        (flag over variable over file over default)
 */
#ifndef CORE_CONFIG_H
#define CORE_CONFIG_H

#include <stdatomic.h>
#include <stdbool.h>

#include "config/settings.h"
#include "net/conn.h"

/* One entry of a section of instances. */
struct config_instance {
	const char *use, *name; /* name: "use" if the operator gave none */
	bool continue_on_error; /* "on_error": "next" */
	const struct json
		*node; /* its object; keys beside use, name and on_error are its own options */
};

struct config_chain {
	struct config_instance *items;
	size_t n;
};

/* What the command line asks for. */
enum config_purpose {
	CONFIG_TO_RUN,
	CONFIG_TO_CHECK, /* --check: all that a start does but bind */
	CONFIG_TO_PRINT  /* --print-config: the same, and tell what there is */
};

struct config {
	struct json_doc *doc; /* owned; all below points into it */
	enum config_purpose purpose;
	const char *path;         /* of the file; NULL: none; borrowed from the command line */
	unsigned role;            /* ROLE_SERVER or ROLE_LOCAL */
	bool is_readable;         /* what it says can be checked on, be it right or wrong */
	bool secret_in_arguments; /* one was given as a flag (and wiped there) */
	size_t secrets_in_list;   /* so many were given with commas between them; 0: one or none */
	const char *folder;       /* that relative paths start from; NULL: the working directory */
	struct files files;       /* that were read so far */
	struct settings settings;
	struct config_chain transport, auth, acl_control, acl_public, metrics;
	atomic_uint refs;
};

enum config_outcome {
	CONFIG_LOADED,
	CONFIG_HELP,  /* the command line asked for the help */
	CONFIG_USAGE, /* the command line is wrong */
	CONFIG_WRONG  /* a file, a variable or a value is wrong */
};

/* argv starts behind the subcommand. Mistakes go to the diag (whose entries point into the config's
 * document: print them before config_unref). *config_out is set except when memory is out. [main]
 */
enum config_outcome config_load(unsigned role, int argc, char *const *argv, struct diag *diag,
                                struct config **config_out);
/* Of a file of either role (NULL: none), the section "plugins" alone; the rest of it may be wrong.
 * The same holds for mistakes. [main] */
enum config_outcome config_load_plugins(const char *path, struct diag *diag,
                                        struct config **config_out);
struct config *config_ref(struct config *config);
/* Wipes and frees with the last one. NULL is fine. Both are [any]. */
void config_unref(struct config *config);

/* Keys of an instance that are not its plugin's: those of settings_instance. NULL-ended. */
extern const char *const config_instance_keys[];
enum { CONFIG_MAX_TRANSPORTS = CONN_MAX_LAYERS - 1 };

#endif
