/* claim - what a client's answer claims, kept while a back-end is asked: the client's name, and the
 * tag that proves it if the answer has bore's form. */
#ifndef COMMON_CLAIM_H
#define COMMON_CLAIM_H

#include <spore/auth.h>
#include <stdbool.h>

#include "../binding.h"
#include "../bore_key.h"

enum { CLAIM_KEY_SIZE = 32 };

struct claim {
	uint32_t purpose;                  /* SPORE_AUTH_* */
	uint64_t session;                  /* of the tunnel; 0: none yet */
	uint64_t hint;                     /* for recheck(): spore_hmac_hint() of the answer */
	char name[SPORE_IDENTITY_MAX + 1]; /* "": the answer has no name */
	bool has_tag;
	uint8_t tag[BORE_TAG_SIZE];
	/* What the tag may have signed: bound to the TLS session, or as bore does. */
	struct binding_message messages[2];
	size_t n_messages;
};

/* `binding` is an enum binding_mode. [worker] */
void claim_init(struct claim *claim, const spore_host *host, const spore_auth_request *rq,
                int64_t binding);
/* True: the tag was made with this key, the SHA-256 digest of the secret. [any] */
bool claim_is_proved(const struct claim *claim, const spore_host *host,
                     const uint8_t key[CLAIM_KEY_SIZE]);
/* The session of an identity: the same on every worker and after a reload. [any] */
uint64_t claim_session(const spore_host *host, const char *identity);

#endif
