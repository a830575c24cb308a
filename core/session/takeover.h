/* takeover - asks the worker that holds a port for its listening socket. The socket moves unclosed,
 * with the visitors that wait in its queue.
 *
 *   asker's worker ── question ──▶ holder's worker ── socket, or none ──▶ asker's worker */
#ifndef CORE_TAKEOVER_H
#define CORE_TAKEOVER_H

#include <stdint.h>

struct instance;
struct server_worker;
struct takeover;

struct takeover_question {
	struct server_worker *holder;
	const struct instance *by; /* compared, never dereferenced */
	uint64_t session;
	uint16_t port;
};

struct takeover_calls {
	/* On the holder's worker: the listening socket, or -1. */
	int (*yield)(const struct takeover_question *question);
	/* On the asker's worker, never before takeover_ask returns: takes the socket, or gets
	 * -1. */
	void (*on_answer)(void *arg, int fd);
};

/* `calls` outlives the takeover. NULL: out of memory. [worker] */
struct takeover *takeover_ask(struct server_worker *asker, const struct takeover_question *question,
                              const struct takeover_calls *calls, void *arg);
/* The asker is gone: a socket that arrives later is closed. NULL is fine. [worker] */
void takeover_forget(struct takeover *takeover);

#endif
