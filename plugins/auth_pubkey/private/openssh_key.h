/* openssh_key - reads private keys in the form of ssh-keygen ("BEGIN OPENSSH PRIVATE KEY", which
 * OpenSSH's PROTOCOL.key describes). [main] */
#ifndef AUTH_PUBKEY_OPENSSH_KEY_H
#define AUTH_PUBKEY_OPENSSH_KEY_H

#include <openssl/evp.h>
#include <spore/base.h>
#include <stdbool.h>

#define OPENSSH_KEY_BEGIN "-----BEGIN OPENSSH PRIVATE KEY-----"

enum openssh_key_outcome {
	OPENSSH_KEY_READ,
	OPENSSH_KEY_ENCRYPTED, /* it needs a passphrase */
	OPENSSH_KEY_CIPHER,    /* it is encrypted by a cipher that openssh_key_decrypt lacks */
	OPENSSH_KEY_OTHER,     /* it is of another type than ours */
	OPENSSH_KEY_BROKEN     /* it is not of this form, or its halves do not fit */
};

/* The longest name of a cipher that is told, with its NUL. */
enum { OPENSSH_KEY_CIPHER_SIZE = 64 };

/* Reads a key that is not encrypted. OPENSSH_KEY_READ: the caller owns *key_out.
 * OPENSSH_KEY_CIPHER: `cipher` has the cipher's name, as the file spells it. */
enum openssh_key_outcome openssh_key_read(spore_str text, EVP_PKEY **key_out,
                                          char cipher[OPENSSH_KEY_CIPHER_SIZE]);
/* Decrypts a key for which openssh_key_read has returned OPENSSH_KEY_ENCRYPTED; libssh may crash on
 * others. Returns the text of the key without encryption, in PEM or in the form that
 * openssh_key_read reads. The caller gives it to openssh_key_free. NULL: the passphrase does not
 * fit, or the text is broken. */
char *openssh_key_decrypt(const char *text, const char *passphrase);
/* Wipes and frees. NULL is fine. */
void openssh_key_free(char *text);

#endif
