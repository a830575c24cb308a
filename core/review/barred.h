/* barred - which clients of open tunnels the access lists of a new configuration deny, although the
 * old ones allowed them: one log line for a reload, however many there are. [any] */
#ifndef CORE_BARRED_H
#define CORE_BARRED_H

#include <pthread.h>
#include <spore/base.h>

enum { BARRED_PLACE_SIZE = 256, BARRED_RULE_SIZE = 128 };

/* Zeroed and barred_init: nobody is. */
struct barred {
	pthread_mutex_t lock; /* protects the rest, which is of the first client but the number */
	unsigned n;
	spore_addr peer;
	char plugin[BARRED_RULE_SIZE];  /* the list's name */
	char option[BARRED_PLACE_SIZE]; /* its place in the configuration: a JSON pointer */
	char rule[BARRED_RULE_SIZE];    /* what the list says; "": nothing */
};

void barred_init(struct barred *barred);
void barred_fini(struct barred *barred);
/* One more tunnel, of the client at `peer`. The texts are copied, and cut to fit. */
void barred_add(struct barred *barred, const spore_addr *peer, const char *plugin,
                const char *option, const char *rule);
/* Logs a warning if there are any, and forgets them. */
void barred_log(struct barred *barred);

#endif
