/* private_key - reads a client's private key from a file: PEM, or the form of ssh-keygen, encrypted
 * or not. [main] */
#ifndef AUTH_PUBKEY_PRIVATE_KEY_H
#define AUTH_PUBKEY_PRIVATE_KEY_H

#include <spore/plugin.h>
#include <stdbool.h>

#include "../../common/pubkey/key.h"

/* `passphrase` is followed by a NUL; empty: none was given. False: the mistake has been reported
 * at /keyfile or /key_passphrase, and there is nothing to free. */
bool private_key_read(struct key *key, const spore_create_args *args, const char *path,
                      spore_str passphrase);

#endif
