/* tunnels - the clients that an instance has let in, by session and identity. It keeps what is
 * needed to verify their data connections without the directory, and to look at them again. An
 * entry of the directory that has several names is one session with several identities. All workers
 * and threads share the table, whose lock is held for one look-up. */
#ifndef AUTH_LDAP_TUNNELS_H
#define AUTH_LDAP_TUNNELS_H

#include <stdbool.h>

#include "directory.h"

/* A password is kept as the MAC that spore/verifier.h makes of it. Several may be right at a time:
 * an entry may have more than one password, and a password may change while the tunnels are
 * open. */
enum { TUNNELS_MAC_SIZE = 32, TUNNELS_MACS_MAX = 4 };

struct tunnels;

/* Returns an empty table with one reference. NULL: out of memory. [any] */
struct tunnels *tunnels_new(void);
struct tunnels *tunnels_ref(struct tunnels *tunnels);
/* Wipes and frees with the last reference. Accepts NULL. [any] */
void tunnels_unref(struct tunnels *tunnels);

/* What is known of a client that is let in. */
struct tunnels_entry {
	const char *name;          /* as it spells it */
	const struct facts *facts; /* perhaps no more than its identity */
	const uint8_t *mac;        /* of its password; NULL: it is not known */
	struct tunnels *inherits; /* the table whose passwords of this session hold, too; or NULL */
};
/* An ALLOW of a client begins. False: out of memory. [any] */
bool tunnels_begin(struct tunnels *tunnels, uint64_t session, const struct tunnels_entry *entry,
                   int64_t now_ms);
/* An ALLOW of a client has ended. After the last one the client is forgotten. [any] */
void tunnels_end(struct tunnels *tunnels, uint64_t session, const char *identity);

enum tunnels_says { TUNNELS_UNKNOWN, TUNNELS_RIGHT, TUNNELS_WRONG };
/* Is this password one of the session's? UNKNOWN: no password of it is known. [any] */
enum tunnels_says tunnels_check(struct tunnels *tunnels, const spore_host *host, uint64_t session,
                                const uint8_t mac[TUNNELS_MAC_SIZE]);
/* The directory has said that a password of this session is right. [any] */
void tunnels_learn(struct tunnels *tunnels, uint64_t session, const uint8_t mac[TUNNELS_MAC_SIZE]);
/* Copies the name that a client has said. False: it is not in. [any] */
bool tunnels_name(struct tunnels *tunnels, uint64_t session, const char *identity,
                  char name_out[LOOKS_NAME_SIZE]);

/* How long the next client in the order of looks has waited, in ms. -1: there is no client.
 * [any] */
int64_t tunnels_wait(struct tunnels *tunnels, int64_t now_ms);
/* Takes up to max clients that nobody has looked at since `before_ms`, those that wait longest
 * first, and marks them as looked at now. Returns how many. [any] */
size_t tunnels_due(struct tunnels *tunnels, int64_t before_ms, int64_t now_ms, struct look *looks,
                   size_t max);
/* Keeps what this look has shown. The caller then tells the host these rights for all tunnels of
 * the client. [any] */
void tunnels_update(struct tunnels *tunnels, const struct look *look);

#endif
