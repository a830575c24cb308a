#include "base/crypto.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

bool crypto_sha256(const void *bytes, size_t len, uint8_t digest_out[CRYPTO_SHA256_SIZE])
{
	return EVP_Digest(bytes, len, digest_out, NULL, EVP_sha256(), NULL) == 1;
}

bool crypto_hmac_sha256(const void *key, size_t key_len, const void *bytes, size_t len,
                        uint8_t mac_out[CRYPTO_SHA256_SIZE])
{
	/* OpenSSL refuses NULL, also for nothing. */
	return key_len <= INT_MAX && HMAC(EVP_sha256(), key ? key : "", (int)key_len,
	                                  bytes ? bytes : (const void *)"", len, mac_out, NULL);
}

bool crypto_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

bool crypto_random(void *bytes, size_t len)
{
	return len <= INT_MAX && RAND_bytes(bytes, (int)len) == 1;
}

void crypto_wipe(void *bytes, size_t len)
{
	if (bytes)
		OPENSSL_cleanse(bytes, len);
}
