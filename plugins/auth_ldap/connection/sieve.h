/* sieve - looks at what a directory sends before libldap reads it. libldap ends the process when it
 * gets certain messages that it does not expect. Anyone in between can send those before TLS has
 * begun. So only results that have the number of a question pass.
 *
 * It also wipes what has been sent, which may be a password. */
#ifndef AUTH_LDAP_SIEVE_H
#define AUTH_LDAP_SIEVE_H

#include <ldap.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SIEVE_MESSAGE_MAX = 1024 * 1024 };

/* Zeroed: at the beginning of a message. */
struct sieve {
	uint8_t head[16]; /* the first bytes of the message, without its contents */
	unsigned n;       /* how many of them are there */
	uint32_t left;    /* bytes of the contents that are still to come */
	bool is_wrong;
};

/* Looks at the next bytes. False: they are wrong, and so is everything that follows. [any] */
bool sieve_pass(struct sieve *sieve, const uint8_t *bytes, size_t n);
/* Puts a sieve into the connection, which owns it. False: out of memory. [any] */
bool sieve_insert(LDAP *link);

#endif
