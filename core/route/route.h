/* route - asks a chain of routes which name a visitor wants, by the first bytes that he has sent.
 * [worker] */
#ifndef CORE_ROUTE_H
#define CORE_ROUTE_H

#include <spore/route.h>
#include <stdbool.h>

struct chain;
struct instance;
struct loop;

struct route_question {
	spore_str head; /* the bytes so far; may be empty */
	bool is_end;    /* no further bytes will come */
	const spore_addr *peer, *local;
	const char *listener;   /* its name in the configuration */
	const spore_conn *conn; /* with open transports, or NULL */
};

enum route_verdict {
	ROUTE_MORE,   /* ask again when there are more bytes; never if is_end */
	ROUTE_NAME,   /* the visitor wants a name */
	ROUTE_NONE,   /* the visitor wants no name, or the chain does not know the protocol */
	ROUTE_REFUSED /* the bytes are malformed, or the plugin is faulty, which has been logged */
};

struct route_answer {
	const struct instance *by; /* the instance that decided; NULL: none */
	size_t need;               /* ROUTE_MORE: bytes in all; more than there are */
	/* ROUTE_NAME, ROUTE_NONE: for a visitor that gets no tunnel; borrowed from the instance;
	 * empty: nothing */
	spore_str reply;
	char name[SPORE_ROUTE_NAME_SIZE];
	char reason[SPORE_ROUTE_REASON_SIZE]; /* ROUTE_REFUSED; valid UTF-8 */
};

enum route_verdict route_ask(const struct chain *chain, const struct loop *loop,
                             const struct route_question *question,
                             struct route_answer *answer_out);

#endif
