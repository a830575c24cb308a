/* config - the whole configuration of a process: an immutable, reference-counted snapshot.
 *
 *      flags ─┐
 *  variables ─┼─▶ shorthands ─▶ one structured tree ─▶ option tables ─▶ settings
 *       file ─┘
 *
 * A flag overrides a variable, a variable overrides the file, the file overrides the default. */
#ifndef CORE_CONFIG_H
#define CORE_CONFIG_H

#include <stdatomic.h>
#include <stdbool.h>

#include "config/chains.h"
#include "config/outcome.h"
#include "config/settings.h"

struct command;

struct config {
	struct json_doc *doc; /* owned; everything below points into it */
	enum config_purpose purpose;
	const char *path;         /* of the file; NULL: no file */
	unsigned role;            /* ROLE_SERVER or ROLE_LOCAL */
	bool is_readable;         /* the settings are filled, with or without mistakes, so that
	                           * plugins can be loaded to check the rest */
	bool secret_in_arguments; /* a flag gave a secret (and was wiped) */
	size_t secrets_in_list;   /* number of secrets that were given with commas between them; 0:
	                           * at most one was given */
	const char *folder;       /* base of relative paths; NULL: the working directory */
	struct files files;       /* that were read so far */
	struct settings settings;
	struct config_chain *chains; /* N_CHAINS, then those of the entries of "public" */
	size_t n_chains;
	atomic_uint refs;
};

/* argv starts after the subcommand's name. Mistakes go to the diag, whose entries point into the
 * config's document: print them before config_unref. *config_out is set unless memory is exhausted.
 * [main] */
enum config_outcome config_load(unsigned role, int argc, char *const *argv, struct diag *diag,
                                struct config **config_out);
/* The same with a command line and an environment that have been read. [main] */
enum config_outcome config_load_command(unsigned role, const struct command *command,
                                        struct diag *diag, struct config **config_out);
/* Loads only the section "plugins" of a file of either role (NULL: no file); the rest of the file
 * may be wrong. Mistakes and *config_out: as config_load. [main] */
enum config_outcome config_load_plugins(const char *path, struct diag *diag,
                                        struct config **config_out);
/* The position of the chain whose section has this pointer; n_chains: there is none. [any] */
size_t config_find_chain(const struct config *config, const char *pointer);
/* [any] */
struct config *config_ref(struct config *config);
/* Wipes and frees the config with its last reference. NULL is fine. [any] */
void config_unref(struct config *config);

#endif
