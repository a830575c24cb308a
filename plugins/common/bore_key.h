/* bore_key - the key that bore derives from a secret, and the tag that answers a challenge.
 *
 *   key = SHA-256(secret)
 *   tag = HMAC-SHA256(key, message)
 *
 * A key keeps the two digest states that HMAC starts from, so a tag costs two blocks of SHA-256
 * instead of four. A key is read-only after its creation; all workers may share one. This code is
 * compiled into each plugin that uses it. */
#ifndef COMMON_BORE_KEY_H
#define COMMON_BORE_KEY_H

#include <openssl/evp.h>
#include <spore/base.h>
#include <stdbool.h>

enum { BORE_TAG_SIZE = 32, BORE_HEX_SIZE = 2 * BORE_TAG_SIZE };

/* A zeroed struct holds no key. */
struct bore_key {
	EVP_MD_CTX *inner, *outer; /* owned */
};

/* False: OpenSSL or memory failed, and there is nothing to free. [any] */
bool bore_key_init(struct bore_key *key, spore_str secret);
/* Wipes and frees. Accepts a zeroed struct. [any] */
void bore_key_fini(struct bore_key *key);
/* `scratch` is any context that is not in use by another thread; it saves an allocation. False:
 * OpenSSL failed. [any] */
bool bore_key_tag(const struct bore_key *key, EVP_MD_CTX *scratch, const void *message, size_t len,
                  uint8_t tag_out[BORE_TAG_SIZE]);

/* Accepts upper case, as bore's server does. False: not a tag. [any] */
bool bore_tag_parse(spore_str hex, uint8_t tag_out[BORE_TAG_SIZE]);
/* Writes lower case, without a NUL. [any] */
void bore_tag_print(const uint8_t tag[BORE_TAG_SIZE], char hex_out[BORE_HEX_SIZE]);

#endif
