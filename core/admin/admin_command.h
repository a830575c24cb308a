/* admin_command - the commands of the admin socket: parses one, asks the workers if the command
 * needs it, and builds the answer. [main]
 *
 * The answer is one JSON object. Its member "error" means that nothing was done. */
#ifndef CORE_ADMIN_COMMAND_H
#define CORE_ADMIN_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "admin/admin_answer.h"
#include "admin/admin_query.h"
#include "client/opening.h"
#include "reload/reload.h"
#include "upgrade/upgrade.h"

struct admin_verb;
struct plugin_set;
struct trial;

/* A running command, embedded in its owner. A zeroed one is not running. */
struct admin_command {
	const struct admin_verb *verb;
	struct admin_query query;
	char argument[sizeof KICK_IDENTITY + SPORE_IDENTITY_MAX]; /* copy of that of `kick` */
	struct survey *survey; /* while the workers are asked; else NULL */
	struct reload_request request;
	bool awaits_reload; /* the request has been made and not been answered */
	struct opening opening;
	struct admin_answer begun; /* of the reload of a client, while `opening` waits */
	struct upgrade_request upgrade_request;
	bool awaits_upgrade;    /* the same for upgrade_request */
	struct trial *trial;    /* of `auth-test`, while the chain is asked; else NULL */
	struct plugin_set *set; /* ref; which has this chain */
	bool is_last;           /* answered, and the admin socket now belongs to another server */
	/* The callee frees the text. NULL: out of memory. */
	void (*on_answer)(struct admin_command *command, char *text, size_t len);
};

/* `line` is what the operator sent, NUL-terminated; it is cut into words in place. on_answer runs
 * exactly once, possibly before this returns: for `reload` and `upgrade` when that has ended or was
 * given up, for the `reload` of a client within OPENING_MS more, for `auth-test` within
 * server.auth_timeout and TRIAL_MARGIN_MS, else within a second, whatever the workers do. The
 * caller wipes the line, which may hold a password. */
void admin_command_start(struct admin_command *command, const struct admin_host *host, char *line,
                         void (*on_answer)(struct admin_command *command, char *text, size_t len));
/* Cancels the command: on_answer will not run. */
void admin_command_forget(struct admin_command *command);

#endif
