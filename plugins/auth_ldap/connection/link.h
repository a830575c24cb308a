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
/* False: the other end has closed it, or has sent what nobody asked for. [blocking] */
bool link_is_quiet(LDAP *link);

/* What the directory says of a DN and a password. */
enum link_says { LINK_FAILED, LINK_RIGHT, LINK_WRONG };
/* A simple bind. An empty password would be an "unauthenticated bind", which succeeds without
 * proving anything (RFC 4513, 5.1.2): it is LINK_WRONG, and nothing is sent. LINK_WRONG sets the
 * text of the fault only, to the reason. LINK_FAILED: the fault says why. [blocking] */
enum link_says link_bind(LDAP *link, const char *dn, spore_str password, int64_t deadline_ms,
                         struct fault *fault);

/* What to search for. */
struct link_search {
	const char *base;
	bool is_base_only; /* the entry itself, not those below it */
	const char *filter;
	const char *const *wanted; /* attributes, NULL-terminated */
	int most;                  /* entries; 0: as many as there are */
};
/* Sends a search. Returns its number, or -1 and the fault. [blocking] */
int link_send(LDAP *link, const struct link_search *search, int64_t deadline_ms,
              struct fault *fault);
/* Waits for its entries. There may be one more than `most`. found_out: NULL if there is no entry
 * or the base does not exist; else ldap_msgfree() frees it. False: the fault says why.
 * [blocking] */
bool link_await(LDAP *link, int number, int64_t deadline_ms, LDAPMessage **found_out,
                bool *has_base_out, struct fault *fault);

#endif
