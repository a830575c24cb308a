/* key - a key pair or the public half of one: Ed25519, or ECDSA on the curve P-256 with SHA-256.
 *
 * A key is named by its fingerprint, the SHA-256 digest of its public half as SSH writes it (RFC
 * 8709, 4; RFC 5656, 3.1); `ssh-keygen -l` prints the same. A signature has 64 bytes: that of RFC
 * 8032, or r and s of ECDSA with 32 bytes each. A key is read-only after its creation, so all
 * workers may share one. */
#ifndef COMMON_KEY_H
#define COMMON_KEY_H

#include <openssl/evp.h>
#include <spore/base.h>
#include <stdbool.h>

enum {
	KEY_FINGERPRINT_SIZE = 32,
	KEY_SIGNATURE_SIZE = 64,
	KEY_BLOB_MAX = 128,       /* of a public half as SSH writes it */
	KEY_POINT_SIZE = 65,      /* of a point of P-256, not compressed */
	KEY_FINGERPRINT_TEXT = 51 /* "SHA256:", 43 characters of base64, NUL */
};

#define KEY_TYPE_ED25519 "ssh-ed25519"
#define KEY_TYPE_P256    "ecdsa-sha2-nistp256"

/* A zeroed struct holds no key. */
struct key {
	EVP_PKEY *pkey; /* owned */
	uint8_t fingerprint[KEY_FINGERPRINT_SIZE];
};

/* True: `type` is SSH's name of one of the two types. [any] */
bool key_type_is_known(spore_str type);
/* The public half of this type from SSH's bytes. False: they are not a key of this type, or OpenSSL
 * failed; nothing is to be freed. [any] */
bool key_from_blob(struct key *key, spore_str type, const uint8_t *blob, size_t len);
/* Takes the pair or the public half. False: it is of another type, and the caller still owns it.
 * [any] */
bool key_take(struct key *key, EVP_PKEY *pkey);
/* Makes a pair of P-256 or, without `secret`, a public half. The caller owns it. NULL: the bytes
 * are not such a key, or OpenSSL failed. [any] */
EVP_PKEY *key_make_p256(spore_str point, spore_str secret);
/* Wipes and frees. Accepts a zeroed struct. [any] */
void key_fini(struct key *key);

/* Writes the fingerprint as `ssh-keygen -l` does. [any] */
void key_print_fingerprint(const uint8_t fingerprint[KEY_FINGERPRINT_SIZE],
                           char text_out[KEY_FINGERPRINT_TEXT]);

/* False: OpenSSL failed. [any] */
bool key_sign(const struct key *key, const void *text, size_t len,
              uint8_t signature_out[KEY_SIGNATURE_SIZE]);
/* 1: the signature is right, 0: it is not, -1: OpenSSL failed. [any] */
int key_verify(const struct key *key, const void *text, size_t len,
               const uint8_t signature[KEY_SIGNATURE_SIZE]);

#endif
