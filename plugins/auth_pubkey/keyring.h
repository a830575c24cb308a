/* keyring - all keys of the authorized_keys files, each with its identity and limits. Built on main
 * and read-only afterwards, so all workers share it. */
#ifndef AUTH_PUBKEY_KEYRING_H
#define AUTH_PUBKEY_KEYRING_H

#include <spore/plugin.h>
#include <stdbool.h>

#include "../common/pubkey/key.h"
#include "../common/pubkey/restrictions.h"

enum { KEYRING_MAX = 20000 };

struct authorized_key {
	struct key key;
	struct restrictions restrictions; /* with an identity */
	unsigned file, line;              /* its place; `file` is the index of the file */
};

struct keyring {
	struct authorized_key *keys; /* owned; sorted by fingerprint */
	size_t n, room;
};

/* Reads the files, a list of paths, and reports every mistake with its place. Files without a key
 * are only warned of, because the last client may have been revoked. True: no mistakes. The caller
 * must call keyring_fini in any case. [main] */
bool keyring_read(struct keyring *ring, const spore_create_args *args, const spore_list *files);
void keyring_fini(struct keyring *ring);

/* NULL: it is not there. [any] */
const struct authorized_key *keyring_find(const struct keyring *ring,
                                          const uint8_t fingerprint[KEY_FINGERPRINT_SIZE]);
/* One of the keys has this identity. [any] */
bool keyring_has_identity(const struct keyring *ring, spore_str identity);
/* The session of all tunnels of this key. It is the same in every keyring, and not 0. */
uint64_t keyring_session(const struct authorized_key *key);

#endif
