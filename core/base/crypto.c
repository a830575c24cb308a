#include "base/crypto.h"

#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

enum { BLOCK_SIZE = 64, INNER_PAD = 0x36, OUTER_PAD = 0x5C };

static EVP_MD *sha256;

static void fetch_sha256(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

/* OpenSSL's own handle, EVP_sha256(), is looked up anew for each digest, which costs more than the
 * digest of a short text. NULL: OpenSSL has none. */
static const EVP_MD *sha256_algorithm(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, fetch_sha256);
	return sha256;
}

bool crypto_sha256(const void *bytes, size_t len, uint8_t digest_out[CRYPTO_SHA256_SIZE])
{
	const EVP_MD *algorithm = sha256_algorithm();

	return algorithm && EVP_Digest(bytes, len, digest_out, NULL, algorithm, NULL) == 1;
}

/* The digest of one block, which is the key XOR `pad`, and of the bytes after it. */
static bool digest_with_key(EVP_MD_CTX *context, const uint8_t key[BLOCK_SIZE], uint8_t pad,
                            const void *bytes, size_t len, uint8_t digest_out[CRYPTO_SHA256_SIZE])
{
	uint8_t block[BLOCK_SIZE];
	bool good;

	for (size_t i = 0; i < sizeof block; i++)
		block[i] = key[i] ^ pad;
	good = EVP_DigestInit_ex(context, sha256_algorithm(), NULL) == 1 &&
	       EVP_DigestUpdate(context, block, sizeof block) == 1 &&
	       EVP_DigestUpdate(context, bytes, len) == 1 &&
	       EVP_DigestFinal_ex(context, digest_out, NULL) == 1;
	crypto_wipe(block, sizeof block);
	return good;
}

/* Does not call OpenSSL's HMAC(), which takes about five times as long in OpenSSL 3. */
bool crypto_hmac_sha256(const void *key, size_t key_len, const void *bytes, size_t len,
                        uint8_t mac_out[CRYPTO_SHA256_SIZE])
{
	EVP_MD_CTX *context = sha256_algorithm() ? EVP_MD_CTX_new() : NULL;
	uint8_t block[BLOCK_SIZE] = { 0 };
	bool good = context && key_len <= INT_MAX;

	if (good && key_len > sizeof block)
		good = crypto_sha256(key, key_len, block);
	else if (good && key_len)
		memcpy(block, key, key_len);
	good = good && digest_with_key(context, block, INNER_PAD, bytes, len, mac_out) &&
	       digest_with_key(context, block, OUTER_PAD, mac_out, CRYPTO_SHA256_SIZE, mac_out);
	crypto_wipe(block, sizeof block);
	EVP_MD_CTX_free(context);
	return good;
}

bool crypto_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

bool crypto_random(void *bytes, size_t len)
{
	return len <= INT_MAX && RAND_bytes(bytes, (int)len) == 1;
}

bool crypto_has_random(struct err *err)
{
	uint8_t byte;

	if (crypto_random(&byte, sizeof byte))
		return true;
	if (getrandom(&byte, sizeof byte, GRND_NONBLOCK) < 0)
		err_set_call(err, "getrandom", errno);
	else
		err_set(err, "OpenSSL has no source of them");
	err_prefix(err, "no random numbers");
	return false;
}

/* Writes PKCS#8 in PEM and a NUL. False: OpenSSL failed, or it does not fit. */
static bool write_pem(const EVP_PKEY *key, char *out, size_t size)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	char *text;
	long len = 0;
	bool good;

	if (bio && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1)
		len = BIO_get_mem_data(bio, &text);
	good = len > 0 && (size_t)len < size;
	if (good) {
		memcpy(out, text, (size_t)len);
		out[len] = '\0';
	}
	BIO_free(bio);
	return good;
}

bool crypto_ed25519(struct crypto_pair *pair_out)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	size_t len = sizeof pair_out->public_half;
	bool good = key && EVP_PKEY_get_raw_public_key(key, pair_out->public_half, &len) == 1 &&
	            write_pem(key, pair_out->private_pem, sizeof pair_out->private_pem);

	EVP_PKEY_free(key);
	return good;
}

void crypto_base64(const void *bytes, size_t len, char *text_out)
{
	EVP_EncodeBlock((unsigned char *)text_out, bytes, (int)len);
}

void crypto_wipe(void *bytes, size_t len)
{
	if (bytes)
		OPENSSL_cleanse(bytes, len);
}
