/* takeover - asks for a port that the same principal holds, on whichever worker: its listening
 * socket moves unclosed, if the connection that has it has fallen silent.
 *
 *   asker's worker ─question─▶ holder's worker ─the socket, or none─▶ asker's worker */
#ifndef CORE_TAKEOVER_H
#define CORE_TAKEOVER_H

#include <stdint.h>

struct instance;
struct takeover;
struct worker;

struct takeover_question {
	struct worker *holder;
	const struct instance *by; /* compared, never followed */
	uint64_t session;
	uint16_t port;
};

/* on_answer gets the listening socket, which is its own from then on, or -1; never before this
 * returns. NULL: out of memory. [worker] */
struct takeover *takeover_ask(struct worker *asker, const struct takeover_question *question,
                              void (*on_answer)(void *arg, int fd), void *arg);
/* The asker is gone: what comes is closed. NULL is fine. [worker] */
void takeover_forget(struct takeover *takeover);

#endif
