/* base64 - the two alphabets of RFC 4648: the standard one, in which SSH writes keys, and the one
 * for URLs, without padding, in which answers are written. Pure. [any] */
#ifndef COMMON_BASE64_H
#define COMMON_BASE64_H

#include <spore/base.h>
#include <stdbool.h>

/* The characters that n bytes have in the alphabet for URLs. */
#define BASE64URL_SIZE(n) (((n)*4 + 2) / 3)

/* Decodes a complete text with its padding. False: no encoder writes this text, or the result has
 * more than `size` bytes. */
bool base64_decode(spore_str text, uint8_t *out, size_t size, size_t *len_out);
/* Writes BASE64URL_SIZE(len) characters, without a NUL. */
void base64url_encode(const uint8_t *bytes, size_t len, char *out);
/* Decodes exactly `len` bytes. False: base64url_encode does not write this text. */
bool base64url_decode(spore_str text, uint8_t *out, size_t len);

#endif
