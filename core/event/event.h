/* event - what the server tells the listeners of the chain "events" about tunnels, visitors,
 * clients and reloads. Without a listener each function returns at once. [any] */
#ifndef CORE_EVENT_EVENT_H
#define CORE_EVENT_EVENT_H

#include "chain/acl.h"
#include "event/events.h"
#include "quota/visitor_line.h"
#include "wire/refusal.h"

struct account;
struct allowance;
struct visitor;

/* The client of a tunnel. All borrowed. */
struct event_client {
	const spore_addr *peer;
	const char *name; /* of its tunnel; NULL: none */
};

void event_tunnel_opened(const struct plugin_set *set, const struct account *account,
                         const struct event_client *client);
/* end: SPORE_END_* */
void event_tunnel_closed(const struct plugin_set *set, const struct account *account,
                         const struct event_client *client, uint32_t end, int64_t age_ms);

/* Call it before another thread can take the visitor, so that its end comes later. */
void event_visitor_accepted(const struct plugin_set *set, const struct visitor *visitor);
/* denied: the answer of the access list that denied it, or NULL. */
void event_visitor_refused(const struct plugin_set *set, const struct visitor *visitor,
                           enum refusal why, const struct acl_answer *denied);
/* Why transports did not open, or no tunnel was found, and the name of the entry in "public". NULL:
 * not known. */
struct event_opening {
	const char *detail, *entry;
};

/* A visitor whose transports do not open, or may not be opened, or who gets no tunnel. */
void event_visitor_unopened(const struct plugin_set *set, const struct visitor *visitor,
                            enum refusal why, const struct event_opening *opening);
void event_visitor_ended(const struct plugin_set *set, const struct visitor_line *line);

/* A connection to the control port that was turned away. What is not known is NULL or 0. */
struct event_refusal {
	const spore_addr *peer;
	enum refusal why;
	const char *plugin; /* that has decided */
	const char *detail;
	const char *identity, *name; /* of the client that was let in, and of its tunnel */
	uint16_t port;               /* that it wants */
};

/* The auth instance `by` has let the client in. */
void event_client_allowed(const struct plugin_set *set, const spore_addr *peer, const char *by,
                          const char *identity);
void event_client_refused(const struct plugin_set *set, const struct event_refusal *refusal);

/* detail: why the reload was refused, or NULL. */
void event_reloaded(const struct plugin_set *set, bool good, const char *detail);

#endif
