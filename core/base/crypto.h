/* crypto - the cryptography that the core itself needs: digests, random bytes, key pairs and
 * wiping of secrets. The only part of the core that includes OpenSSL. [any] */
#ifndef CORE_CRYPTO_H
#define CORE_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define CRYPTO_SHA256_SIZE      32
#define CRYPTO_ED25519_SIZE     32
#define CRYPTO_BASE64_SIZE(len) (((len) + 2) / 3 * 4 + 1)

/* A key pair. Wipe it after its use. */
struct crypto_pair {
	char private_pem[160]; /* PKCS#8 in PEM, not encrypted */
	uint8_t public_half[CRYPTO_ED25519_SIZE];
};

/* False if OpenSSL fails. */
bool crypto_sha256(const void *bytes, size_t len, uint8_t digest_out[CRYPTO_SHA256_SIZE]);
/* False if OpenSSL fails. */
bool crypto_hmac_sha256(const void *key, size_t key_len, const void *bytes, size_t len,
                        uint8_t mac_out[CRYPTO_SHA256_SIZE]);
/* Compares in a time that depends on `len` alone. */
bool crypto_equal(const void *a, const void *b, size_t len);
/* Fills `bytes` with cryptographically strong random bytes. False if OpenSSL fails. */
bool crypto_random(void *bytes, size_t len);
/* True if the system gives random bytes. On false, *err says why it does not, for example that a
 * sandbox refuses getrandom. */
bool crypto_has_random(struct err *err);
/* A new Ed25519 key pair. False if OpenSSL fails. */
bool crypto_ed25519(struct crypto_pair *pair_out);
/* Writes the base64 of RFC 4648 with its padding and a NUL: CRYPTO_BASE64_SIZE(len) bytes. */
void crypto_base64(const void *bytes, size_t len, char *text_out);
/* Zeroes memory; the compiler cannot optimize it away. NULL is fine. */
void crypto_wipe(void *bytes, size_t len);

#endif
