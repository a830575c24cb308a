/* acl - asks the access lists of a chain about a connection. [worker] */
#ifndef CORE_ACL_H
#define CORE_ACL_H

#include <spore/acl.h>

#include "chain/plugin_set.h"

struct acl_question {
	const spore_addr *peer, *local;
	const char *identity;   /* the owner of the tunnel, or "" */
	const spore_conn *conn; /* with open transports, or NULL */
};

struct acl_answer {
	struct instance *by;                /* the instance that denied; NULL: the chain allows */
	uint64_t rate;                      /* bytes per second, in each direction; 0: no limit */
	char reason[SPORE_ACL_REASON_SIZE]; /* of the instance that denied; "": it gave none */
};

/* id: the position of a chain of access lists. An empty chain allows. A refusal is counted. */
bool acl_allows(const struct plugin_set *set, size_t id, const struct loop *loop,
                const struct acl_question *question, struct acl_answer *answer_out);
/* The same for a connection that is open already: a refusal is not counted. */
bool acl_would_allow(const struct plugin_set *set, size_t id, const struct loop *loop,
                     const struct acl_question *question, struct acl_answer *answer_out);
/* True if an instance of the chain must be asked about each connection whose transports are
 * open. */
bool acl_wants_conn(const struct plugin_set *set, size_t id);

#endif
