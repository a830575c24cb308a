#include "bore_key.h"

#include <openssl/crypto.h>

#include "hex.h"

enum { KEY_SIZE = 32, BLOCK_SIZE = 64, INNER_PAD = 0x36, OUTER_PAD = 0x5C };

/* Returns a digest that has consumed the padded key, one whole block. NULL: OpenSSL or memory
 * failed. */
static EVP_MD_CTX *begin_hash(const uint8_t key[KEY_SIZE], uint8_t pad)
{
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	uint8_t block[BLOCK_SIZE];

	for (size_t i = 0; i < BLOCK_SIZE; i++)
		block[i] = (uint8_t)((i < KEY_SIZE ? key[i] : 0) ^ pad);
	if (!digest || EVP_DigestInit_ex(digest, EVP_sha256(), NULL) != 1 ||
	    EVP_DigestUpdate(digest, block, BLOCK_SIZE) != 1) {
		EVP_MD_CTX_free(digest);
		digest = NULL;
	}
	OPENSSL_cleanse(block, sizeof block);
	return digest;
}

bool bore_key_init(struct bore_key *key, spore_str secret)
{
	uint8_t bytes[KEY_SIZE];

	*key = (struct bore_key){ 0 };
	if (EVP_Digest(secret.ptr, secret.len, bytes, NULL, EVP_sha256(), NULL) == 1) {
		key->inner = begin_hash(bytes, INNER_PAD);
		key->outer = begin_hash(bytes, OUTER_PAD);
	}
	OPENSSL_cleanse(bytes, sizeof bytes);
	if (key->inner && key->outer)
		return true;
	bore_key_fini(key);
	return false;
}

void bore_key_fini(struct bore_key *key)
{
	/* OpenSSL wipes the state of a digest when it frees it. */
	EVP_MD_CTX_free(key->inner);
	EVP_MD_CTX_free(key->outer);
	*key = (struct bore_key){ 0 };
}

/* Continues a copy of `from`. */
static bool finish_hash(const EVP_MD_CTX *from, EVP_MD_CTX *scratch, const void *bytes, size_t len,
                        uint8_t out[BORE_TAG_SIZE])
{
	return EVP_MD_CTX_copy_ex(scratch, from) == 1 &&
	       EVP_DigestUpdate(scratch, bytes, len) == 1 &&
	       EVP_DigestFinal_ex(scratch, out, NULL) == 1;
}

bool bore_key_tag(const struct bore_key *key, EVP_MD_CTX *scratch, const void *message, size_t len,
                  uint8_t tag_out[BORE_TAG_SIZE])
{
	return finish_hash(key->inner, scratch, message, len, tag_out) &&
	       finish_hash(key->outer, scratch, tag_out, BORE_TAG_SIZE, tag_out);
}

bool bore_tag_parse(spore_str hex, uint8_t tag_out[BORE_TAG_SIZE])
{
	return hex_read(hex, tag_out, BORE_TAG_SIZE);
}

void bore_tag_print(const uint8_t tag[BORE_TAG_SIZE], char hex_out[BORE_HEX_SIZE])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < BORE_TAG_SIZE; i++) {
		hex_out[2 * i] = digits[tag[i] >> 4];
		hex_out[2 * i + 1] = digits[tag[i] & 15];
	}
}
