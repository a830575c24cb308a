/* takeover - asks the worker that holds a port for its listening sockets. They move unclosed, with
 * the visitors that wait in their queues.
 *
 *   asker's worker ── question ──▶ holder's worker ── sockets, or none ──▶ asker's worker */
#ifndef CORE_TAKEOVER_H
#define CORE_TAKEOVER_H

#include <spore/base.h>
#include <stdint.h>

#include "net/sock.h"

struct instance;
struct loop;
struct server_worker;
struct takeover;

struct takeover_question {
	struct server_worker *holder;
	const struct instance *by; /* compared, never dereferenced */
	uint64_t session;
	uint16_t port;
};

/* Who keeps the port. */
struct takeover_holder {
	spore_addr peer;  /* the client's address; family 0: nobody who can be named */
	int64_t since_ms; /* by clock_ms(): when its tunnel was opened */
	char name[64];    /* of the tunnel, maybe cut; "": the client has given none */
};

struct takeover_calls {
	/* On the holder's worker: the listening sockets, or none and who keeps them. *holder_out is
	 * zeroed. */
	struct sockets (*yield)(const struct takeover_question *question,
	                        struct takeover_holder *holder_out);
	/* On the asker's worker, never before takeover_ask returns: takes the sockets, or gets none
	 * and who keeps them. */
	void (*on_answer)(void *arg, struct sockets *sockets, const struct takeover_holder *holder);
};

/* asker, holder: the loops of both workers. `calls` outlives the takeover. NULL: out of memory.
 * [worker] */
struct takeover *takeover_ask(struct loop *asker, struct loop *holder,
                              const struct takeover_question *question,
                              const struct takeover_calls *calls, void *arg);
/* The asker is gone: sockets that arrive later are closed. NULL is fine. [worker] */
void takeover_forget(struct takeover *takeover);

#endif
