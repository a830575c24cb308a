/* seal - remembers which password of a name has been accepted, without keeping the password: its
 * HMAC-SHA256 under a random key of this name, which never leaves the process. A hash that is slow
 * on purpose is computed once, and each further connection compares the seal.
 *
 * A seal belongs to the text of a password hash. Instances whose files have the same name with the
 * same text share it, so a reload forgets nothing. */
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
/* The password has been accepted. Every accepted password of a seal is the same to the hash.
 * [any] */
void seal_close(struct seal *seal, const spore_host *host, spore_str password);

enum seal_says {
	SEAL_EMPTY, /* no password has been accepted yet */
	SEAL_SAME,
	SEAL_OTHER
};
/* Compares in a time that does not depend on the password's contents. [any] */
enum seal_says seal_compare(const struct seal *seal, const spore_host *host, spore_str password);

#endif
