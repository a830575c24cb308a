/* seal - remembers which password of a name has been accepted, so that its slow hash is computed
 * only once. Each further connection compares the seal. The seal does not keep the password, but
 * its HMAC-SHA256 under a random key of its own, which never leaves the process.
 *
 * A seal belongs to a name and the text of its hash. If the files of two instances have both, the
 * instances share the seal, so a reload forgets nothing. */
#ifndef AUTH_HTPASSWD_SEAL_H
#define AUTH_HTPASSWD_SEAL_H

#include <spore/host.h>
#include <stdbool.h>

struct seal;

/* Empty, with one reference. NULL: out of memory or random bytes. [any] */
struct seal *seal_new(const spore_host *host);
struct seal *seal_ref(struct seal *seal);
/* NULL is fine. [any] */
void seal_unref(struct seal *seal);
/* Notes that a password has been accepted. `password`: what the hash reads of it, which is the same
 * for every accepted password of this hash. [any] */
void seal_close(struct seal *seal, const spore_host *host, spore_str password);

enum seal_says {
	SEAL_EMPTY, /* no password has been accepted yet */
	SEAL_SAME,
	SEAL_OTHER
};
/* Compares in a time that does not depend on the password's contents. [any] */
enum seal_says seal_compare(const struct seal *seal, const spore_host *host, spore_str password);

#endif
