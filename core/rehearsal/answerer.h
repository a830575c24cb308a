/* answerer - the client of `spore auth test`: a process that loads a client's configuration and
 * lets its auth plugin answer one Challenge, as a client does.
 *
 * It is a process of its own for two reasons: a process holds only one configuration, and the
 * server's plugins must not see the client's secret. [main] */
#ifndef CORE_ANSWERER_H
#define CORE_ANSWERER_H

#include <spore/auth.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "rehearsal/made_client.h"
#include "verdict/stand_in.h"

struct answerer {
	pid_t pid; /* 0: not started */
	int fd;
	/* The end of the error text if the plugin gives no answer; "" unless the caller sets it
	 * after the start. Permanent. */
	const char *remedy;
};

/* Starts the process. `path`: of the configuration; NULL: that of `made`. Call it before any thread
 * runs. False and *err on failure. */
bool answerer_start(struct answerer *answerer, const char *path, const struct made_client *made,
                    struct err *err);
/* Asks for the answer to the challenge of these facts, whose addresses do not count. Waits until
 * the process has loaded its configuration, and then at most wait_ms. False: there is none, and one
 * of the two processes has printed why. Wipe the answer after its use. */
bool answerer_ask(struct answerer *answerer, const struct stand_in_facts *facts, int64_t wait_ms,
                  char answer_out[SPORE_AUTH_ANSWER_MAX + 1]);
/* Ends the process. Harmless if it was not started. */
void answerer_stop(struct answerer *answerer);

#endif
