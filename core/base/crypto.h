/* crypto - the little cryptography that the core itself needs: digests of files, randomness, and
 * wiping. The only part of the core that includes OpenSSL. [any] */
#ifndef CORE_CRYPTO_H
#define CORE_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRYPTO_SHA256_SIZE 32

/* False when OpenSSL fails. */
bool crypto_sha256(const void *bytes, size_t len, uint8_t digest_out[CRYPTO_SHA256_SIZE]);
/* Cryptographically strong bytes; false when there are none. */
bool crypto_random(void *bytes, size_t len);
/* Zeroes memory in a way that the compiler may not leave out. */
void crypto_wipe(void *bytes, size_t len);

#endif
