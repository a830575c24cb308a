/* http - an instance of auth_http, and its state on one worker. The two modes, verify_mode and
 * key_mode, share them. */
#ifndef HTTP_H
#define HTTP_H

#include "../common/client/claim.h"
#include "asker.h"
#include "held.h"
#include "verdict.h"

enum http_mode { HTTP_VERIFY, HTTP_KEY };

struct http {
	const spore_host *host;
	spore_ctx *log;
	int64_t mode;    /* enum http_mode */
	int64_t binding; /* enum binding_mode */
	size_t max_keys; /* on one worker */
	struct service service;
	struct asker_shared shared;
	struct held *held;    /* owned */
	struct pace refusals; /* of the log lines about refused answers */
};

/* The state of a worker. */
struct http_worker {
	struct http *http;
	struct asker asker;
	struct key_cache *keys;     /* owned; mode "key" only */
	struct question *questions; /* that wait for the service */
};

/* Fills the parts of a result that the service decides. It points into `known`. */
static inline spore_auth_result http_result(const struct http *http, const struct known_key *known)
{
	struct policy policy = terms_policy(&known->terms);
	spore_auth_result result = {
		.struct_size = sizeof result,
		.identity = spore_cstr(known->identity),
		.session = claim_session(http->host, known->identity),
	};

	policy_grant(&policy, &result);
	return result;
}

/* Gives the key to the host, so that recheck() can verify the client's later answers with it. */
static inline void http_set_verifier(spore_auth_result *result, const struct claim *claim,
                                     const uint8_t key[CLAIM_KEY_SIZE])
{
	result->verifier = (spore_str){ (const char *)key, CLAIM_KEY_SIZE };
	result->verifier_hint = claim->hint;
}

/* The status of a question that got no reply. */
static inline int32_t http_status(enum ask_result result)
{
	return result == ASK_BUSY        ? SPORE_EBUSY
	       : result == ASK_NO_MEMORY ? SPORE_ENOMEM
	       : result == ASK_TIMEOUT   ? SPORE_ETIMEOUT
	                                 : SPORE_EBACKEND;
}

#endif
