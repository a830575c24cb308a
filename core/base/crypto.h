/* crypto - the cryptography that the core itself needs: digests, random bytes and wiping of
 * secrets. The only part of the core that includes OpenSSL. [any] */
#ifndef CORE_CRYPTO_H
#define CORE_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRYPTO_SHA256_SIZE 32

/* False if OpenSSL fails. */
bool crypto_sha256(const void *bytes, size_t len, uint8_t digest_out[CRYPTO_SHA256_SIZE]);
/* False if OpenSSL fails. */
bool crypto_hmac_sha256(const void *key, size_t key_len, const void *bytes, size_t len,
                        uint8_t mac_out[CRYPTO_SHA256_SIZE]);
/* Compares in a time that depends on `len` alone. */
bool crypto_equal(const void *a, const void *b, size_t len);
/* Fills `bytes` with cryptographically strong random bytes. False if OpenSSL fails. */
bool crypto_random(void *bytes, size_t len);
/* Zeroes memory; the compiler cannot optimize it away. NULL is fine. */
void crypto_wipe(void *bytes, size_t len);

#endif
