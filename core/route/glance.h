/* glance - looks at the first bytes of a visitor until a chain of routes has decided.
 *
 * Those of a bare socket stay in it (MSG_PEEK). While the chain needs more of them, the kernel
 * wakes the worker only when so many have come (SO_RCVLOWAT). Those behind transports are read, and
 * given back to the stream at the end (stream_unread). So the visitor is as any other afterwards. A
 * glance ends when the chain decides, the visitor ends, GLANCE_MAX bytes or GLANCE_LOOKS looks were
 * not enough, or the time is up. [worker] */
#ifndef CORE_GLANCE_H
#define CORE_GLANCE_H

#include "loop/deadline.h"
#include "route/route.h"

struct stream;

enum {
	GLANCE_MAX = 16384, /* bytes */
	GLANCE_LOOKS = 64   /* how often the chain is asked about one visitor */
};

/* What the glances of one worker at one listener share. */
struct glance_list {
	struct loop *loop;           /* borrowed: outlives it */
	struct list all;             /* of struct glance, the oldest first */
	unsigned n, most;            /* glances now, and how many there may be */
	struct deadline_list timing; /* of the glances */
};

struct glance_spec {
	struct chain *chain;     /* the glance holds a reference */
	const char *listener;    /* its name; borrowed: outlives the glance */
	const spore_addr *local; /* borrowed: outlives the glance */
	const spore_addr *peer;
	/* Gives the socket or the stream back, the latter without an owner, maybe in one of its
	 * callbacks. has_left: it is closed, since the visitor has left, or made room for another
	 * one; the verdict is ROUTE_NONE. ROUTE_MORE: glance_list_release has ended the glance.
	 * `answer` is valid until it returns. */
	void (*on_decided)(bool has_left, enum route_verdict verdict,
	                   const struct route_answer *answer, void *arg);
	void *arg;
};

/* most: how many visitors may wait. One more ends the oldest one. */
void glance_list_init(struct glance_list *list, struct loop *loop, int64_t timeout_ms,
                      unsigned most);
/* Glances that begin from now on have these limits. */
void glance_list_set(struct glance_list *list, int64_t timeout_ms, unsigned most);
/* Ends the glances at bare sockets, at most `most` of them, undecided: the sockets are as they were
 * accepted. Returns how many these were. */
unsigned glance_list_release(struct glance_list *list, unsigned most);
/* Ends all glances: their visitors have left. */
void glance_list_end_all(struct glance_list *list);
/* The same, for good. */
void glance_list_fini(struct glance_list *list);

/* Takes the socket, which has no transport and is non-blocking. on_decided is called once, maybe
 * before this function returns. False: out of memory; the socket is the caller's, and on_decided is
 * not called. */
bool glance_start(struct glance_list *list, int fd, const struct glance_spec *spec);
/* The same for an open stream with transports. */
bool glance_start_stream(struct glance_list *list, struct stream *stream,
                         const struct glance_spec *spec);

#endif
