/* place - where a directory is: one of the URLs of the configuration. Read-only after its
 * creation. */
#ifndef AUTH_LDAP_PLACE_H
#define AUTH_LDAP_PLACE_H

#include <spore/base.h>
#include <stdbool.h>

struct place {
	const char *url; /* borrowed from the configuration */
	char *host;      /* owned: a name, an address, or with is_unix the path of a socket */
	uint16_t port;
	bool is_unix;
	bool is_ldaps;
	bool is_local; /* what is sent there does not leave this machine */
};

/* Returns NULL, or what is wrong with the URL: static. The caller calls place_fini() in any case.
 * url: RETAINED. [main] */
const char *place_init(struct place *place, const char *url);
/* Accepts a zeroed struct. [main] */
void place_fini(struct place *place);

#endif
