/* link - a connection to the directory, by libldap, and the operations on it. Each ends by a
 * deadline, on the clock of dial_now_ms(). One thread uses a link at a time. */
#ifndef AUTH_LDAP_LINK_H
#define AUTH_LDAP_LINK_H

#include <ldap.h>
#include <spore/base.h>

#include "../fault.h"
#include "../settings.h"

/* Lets libldap and its TLS set up what all threads share, while no other thread uses them. False:
 * they lack an option, or do not understand the authorities. [main] */
bool link_prepare(const struct settings *settings);
/* Connects, and begins TLS if the settings say so. NULL: the fault says why. [blocking] */
LDAP *link_open(const struct settings *settings, const struct place *place, int64_t deadline_ms,
                struct fault *fault);
/* The same for a connected socket, without TLS. Closes it if it fails. [any] */
LDAP *link_adopt(const struct settings *settings, const struct place *place, int fd,
                 struct fault *fault);
/* Accepts NULL. [blocking] */
void link_close(LDAP *link);
/* False: the other end has closed the connection, or has sent what nobody asked for. [blocking] */
bool link_is_quiet(LDAP *link);

/* What the directory says of a DN and a password. */
enum link_says { LINK_FAILED, LINK_RIGHT, LINK_WRONG };
/* A simple bind. LINK_WRONG: the text of the fault is the reason. LINK_FAILED: the fault says why.
 * An empty password is LINK_WRONG, and nothing is sent: it would be an "unauthenticated bind",
 * which succeeds without proving anything (RFC 4513, 5.1.2). [blocking] */
enum link_says link_bind(LDAP *link, const char *dn, spore_str password, int64_t deadline_ms,
                         struct fault *fault);

/* What to search for. */
struct link_search {
	const char *base;
	bool is_base_only; /* search only the entry of the base, not those below it */
	const char *filter;
	const char *const *wanted; /* attributes, NULL-terminated */
	int most;                  /* entries that the directory sends at most; 0: all */
};
/* Sends a search. Returns its number, or -1 and the fault. [blocking] */
int link_send(LDAP *link, const struct link_search *search, int64_t deadline_ms,
              struct fault *fault);
/* How a search has ended. */
enum link_end {
	LINK_ALL,       /* with all entries that match */
	LINK_CUT,       /* with some of them: there are too many for `most` or for the directory */
	LINK_NO_BASE,   /* there is no entry with the DN of the base */
	LINK_ELSEWHERE, /* with a referral: another directory has the base */
	LINK_FORBIDDEN  /* whoever has bound may not search there */
};
struct link_found {
	enum link_end end;
	LDAPMessage *entries; /* owned, for ldap_msgfree(); NULL: none */
};
/* Waits for the end of a search. True: if the end is not LINK_ALL, the text of the fault is what
 * the directory has said. False: it failed, and the fault says why. [blocking] */
bool link_await(LDAP *link, int number, int64_t deadline_ms, struct link_found *found_out,
                struct fault *fault);

#endif
