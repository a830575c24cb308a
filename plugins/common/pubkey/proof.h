/* proof - the form of an answer:
 *
 *   answer = "k1=" FINGERPRINT "." NAMEHASH "." SIGNATURE
 *
 * The three parts are base64url without padding (RFC 4648, 5) of 32, 8 and 64 bytes, so that an
 * answer has 145. No other form of answers begins like this. Pure. [any] */
#ifndef COMMON_PROOF_H
#define COMMON_PROOF_H

#include <spore/auth.h>
#include <stdbool.h>

#include "base64.h"
#include "key.h"
#include "server_name.h"

enum {
	PROOF_SIZE = 3 + BASE64URL_SIZE(KEY_FINGERPRINT_SIZE) + 1 +
	             BASE64URL_SIZE(SERVER_NAME_HASH_SIZE) + 1 + BASE64URL_SIZE(KEY_SIGNATURE_SIZE)
};
SPORE_STATIC_ASSERT(PROOF_SIZE <= SPORE_AUTH_ANSWER_MAX, "an answer must hold a proof");

struct proof {
	uint8_t fingerprint[KEY_FINGERPRINT_SIZE]; /* of the key that signed */
	uint8_t name_hash[SERVER_NAME_HASH_SIZE];  /* of the server's name */
	uint8_t signature[KEY_SIGNATURE_SIZE];
};

/* Without a NUL. */
void proof_write(const struct proof *proof, char out[PROOF_SIZE]);
/* False: the answer is not of this form. */
bool proof_parse(spore_str answer, struct proof *out);

#endif
