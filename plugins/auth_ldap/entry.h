/* entry - what the directory says of a client: whether it may get in, under which name, and what it
 * may do. What is not understood is a fault, since it could be a restriction. */
#ifndef AUTH_LDAP_ENTRY_H
#define AUTH_LDAP_ENTRY_H

#include <ldap.h>
#include <spore/auth.h>

#include "../common/client/terms.h"
#include "escape.h"
#include "fault.h"
#include "settings.h"

enum { ENTRY_DN_SIZE = 1024 };

/* Zeroed: nothing is known. */
struct facts {
	char dn[ENTRY_DN_SIZE]; /* as the directory spells it */
	char identity[SPORE_IDENTITY_MAX + 1];
	struct terms terms;          /* of the entry's attributes */
	const struct policy *policy; /* of a group, or of "*"; belongs to the settings */
};

/* Reads the first entry of a search. name: as the client spells it. False: ASK_BAD_ENTRY. [any] */
bool entry_read(struct facts *facts, const struct settings *settings, LDAP *link,
                LDAPMessage *found, const char *name, struct fault *fault);
/* Finds the policy of a client by its groups. found: what the search for its groups has found;
 * NULL: nothing, or nothing was searched for. False: the client is refused, and the text of the
 * fault says why. [any] */
bool entry_read_groups(struct facts *facts, const struct settings *settings, LDAP *link,
                       LDAPMessage *found, struct fault *fault);
/* All limits of the client. They point into the facts and the settings. [any] */
struct policy entry_limits(const struct facts *facts);
/* True: both mean the same rights. [any] */
bool entry_is_same(const struct facts *a, const struct facts *b);

#endif
