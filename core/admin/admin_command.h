/* admin_command - what an operator may ask of a server that runs, and the answer: one JSON object,
 * which has the member "error" when nothing was done. [main] */
#ifndef CORE_ADMIN_COMMAND_H
#define CORE_ADMIN_COMMAND_H

#include <stddef.h>
#include <stdint.h>

struct admin_verb;
struct drain;
struct reload;
struct runtime;
struct server;
struct survey;

/* All borrowed: they outlive every command. */
struct admin_host {
	struct runtime *runtime;
	struct server *server;
	struct drain *drain;
	struct reload *reload;
};

/* One that works, embedded in whoever asked. Zeroed is none. */
struct admin_command {
	const struct admin_host *host;
	const struct admin_verb *verb;
	uint64_t id;           /* what `kick` means */
	struct survey *survey; /* while the workers are asked */
	/* The text is the callee's; NULL: out of memory. */
	void (*on_answer)(struct admin_command *command, char *text, size_t len);
};

/* `line`: bytes of the operator's, NUL-ended; it is cut up. on_answer runs once, maybe before this
 * returns: at the latest a second later, whatever the workers do. */
void admin_command_start(struct admin_command *command, const struct admin_host *host, char *line,
                         void (*on_answer)(struct admin_command *command, char *text, size_t len));
/* on_answer will not run. */
void admin_command_forget(struct admin_command *command);

#endif
