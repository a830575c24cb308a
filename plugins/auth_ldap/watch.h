/* watch - looks again and again at the clients that have tunnels, by the service account, since
 * LDAP has no notification that every directory knows. Runs on one worker and on a thread of the
 * instance. */
#ifndef AUTH_LDAP_WATCH_H
#define AUTH_LDAP_WATCH_H

#include "instance.h"

struct watch {
	struct ldap_instance *ldap;
	spore_worker *worker;
	spore_timer timer;
	int64_t interval_ms;
	bool is_behind;  /* clients wait longer than the interval, which has been logged */
	bool is_looking; /* a look runs on a thread. Only that thread uses the members below */
	size_t n;
	struct look looks[LOOKS_MAX];
};

/* NULL: out of memory. [worker] */
struct watch *watch_start(struct ldap_instance *ldap, spore_worker *worker);
/* After this, no look begins. Accepts NULL. [worker] */
void watch_drain(struct watch *watch);
/* Call it only when no look runs. Accepts NULL. [worker] */
void watch_free(struct watch *watch);

#endif
