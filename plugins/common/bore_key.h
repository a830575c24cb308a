/* bore_key - the key that bore makes of a secret, and the tag with which it answers a challenge.
 *
 *   key = SHA-256(secret)
 *   tag = HMAC-SHA256(key, message)
 *
 * What is kept are the two digests that HMAC begins with, so a tag costs two blocks of SHA-256 in
 * place of four. Read-only once it is made: all workers may share one. Each plugin that uses this
 * has a copy of its own. */
#ifndef COMMON_BORE_KEY_H
#define COMMON_BORE_KEY_H

#include <openssl/evp.h>
#include <spore/base.h>
#include <stdbool.h>

enum { BORE_TAG_SIZE = 32, BORE_HEX_SIZE = 2 * BORE_TAG_SIZE };

/* Zero-initialized is none. */
struct bore_key {
	EVP_MD_CTX *inner, *outer; /* owned */
};

/* False when OpenSSL or memory fails; then there is nothing to release. [any] */
bool bore_key_init(struct bore_key *key, spore_str secret);
/* Wipes, too. Harmless on one that is none. [any] */
void bore_key_fini(struct bore_key *key);
/* `scratch` is any context that nobody else uses meanwhile; it spares an allocation. False when
 * OpenSSL fails. [any] */
bool bore_key_tag(const struct bore_key *key, EVP_MD_CTX *scratch, const void *message, size_t len,
                  uint8_t tag_out[BORE_TAG_SIZE]);

/* Upper case is accepted, as bore's server does. False: no tag. [any] */
bool bore_tag_parse(spore_str hex, uint8_t tag_out[BORE_TAG_SIZE]);
/* Lower case, without a NUL. [any] */
void bore_tag_print(const uint8_t tag[BORE_TAG_SIZE], char hex_out[BORE_HEX_SIZE]);

#endif
