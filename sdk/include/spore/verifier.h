/* spore/verifier.h - ready verifiers for spore_auth_ops.recheck(): of HMACs, of signatures and of
 * passwords.
 * SPDX-License-Identifier: MIT
 *
 * verify() puts the verifier into the result of an ALLOW. For a later answer, recheck() calls one
 * of the *_find() functions, which return the verifier that accepts the answer, or NULL:
 *
 *   return spore_hmac_find(host, rq, held, SPORE_HMAC_PLAIN) ? SPORE_ALLOW : SPORE_NEXT;
 *
 * | of          | verifier                              | must the verifier stay secret?      |
 * |-------------|---------------------------------------|-------------------------------------|
 * | an HMAC     | the key, the SHA-256 of the secret    | yes, as much as the client's secret |
 * | a signature | the public key, in a form of yours    | no                                  |
 * | a password  | an HMAC under a key of this process   | only if that key becomes known      |
 *
 * All functions are [any], unless they say otherwise.
 */
#ifndef SPORE_VERIFIER_H
#define SPORE_VERIFIER_H

#include "auth.h"
#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { SPORE_VERIFIER_KEY_SIZE = 32 };

/* The hint for a name or a fingerprint. It is 0 for an empty text only. */
static inline uint64_t spore_verifier_hint(const spore_host *host, spore_str text)
{
	uint8_t digest[32];
	uint64_t hint = 0;
	size_t i;

	if (text.len == 0)
		return 0;
	host->sha256(text.ptr, text.len, digest);
	for (i = 0; i < sizeof hint; i++)
		hint = hint << 8 | digest[i];
	return hint ? hint : 1;
}

/* Zeroes a secret, in a way that the compiler cannot leave out. */
static inline void spore_wipe(void *bytes, size_t len)
{
	volatile uint8_t *at = (volatile uint8_t *)bytes;

	while (len--)
		*at++ = 0;
}

/* ---- HMACs: what bore's clients and Spore's plugin hmac answer, perhaps with a name in front ----
 */

/* The forms of answers: bore's, and those that are bound to the transport's session. */
enum { SPORE_HMAC_PLAIN = 1 << 0, SPORE_HMAC_BOUND = 1 << 1 };

/* The hint of an answer: of the name in front of its first colon; 0: it has none. */
static inline uint64_t spore_hmac_hint(const spore_host *host, spore_str answer)
{
	const char *colon = answer.len ? (const char *)memchr(answer.ptr, ':', answer.len) : NULL;
	spore_str name = { answer.ptr, colon ? (size_t)(colon - answer.ptr) : 0 };

	return spore_verifier_hint(host, name);
}

/* Reads the 64 hexadecimal digits at the end of an answer. 1: they are alone or behind a colon. */
static inline uint32_t spore_hmac_tag(spore_str answer, uint8_t tag_out[32])
{
	const char *at;
	size_t i;

	if (answer.len < 64 || (answer.len > 64 && answer.ptr[answer.len - 65] != ':'))
		return 0;
	at = answer.ptr + answer.len - 64;
	for (i = 0; i < 64; i++) {
		char c = at[i], low = (char)(c | 32);
		int digit = c >= '0' && c <= '9'       ? c - '0'
		            : low >= 'a' && low <= 'f' ? low - 'a' + 10
		                                       : -1;

		if (digit < 0)
			return 0;
		tag_out[i / 2] = (uint8_t)(i % 2 ? tag_out[i / 2] | digit : digit << 4);
	}
	return 1;
}

/* Writes the message that a bound answer signs. Returns its length; 0: there is no session to bind
 * it to. */
static inline size_t spore_hmac_bound_message(const spore_auth_request *rq, uint8_t out[104])
{
	static const char label[24] = "spore channel binding 1";
	size_t len = rq->channel_binding.len;

	if (len == 0 || len > 64)
		return 0;
	memcpy(out, rq->challenge, 16);
	memcpy(out + 16, label, sizeof label);
	memcpy(out + 16 + sizeof label, rq->channel_binding.ptr, len);
	return 16 + sizeof label + len;
}

/* Looks for the verifier by which the answer was made: a key of SPORE_VERIFIER_KEY_SIZE bytes, with
 * the hint of spore_hmac_hint(). forms: the SPORE_HMAC_* that are accepted. */
static inline const spore_verifier *spore_hmac_find(const spore_host *host,
                                                    const spore_auth_request *rq,
                                                    const spore_held *held, uint32_t forms)
{
	uint8_t tag[32], mac[32], bound[104];
	size_t len = forms & SPORE_HMAC_BOUND ? spore_hmac_bound_message(rq, bound) : 0;
	uint64_t hint = spore_hmac_hint(host, rq->answer);
	const spore_verifier *verifier;

	if (!spore_hmac_tag(rq->answer, tag))
		return NULL;
	while ((verifier = held->next(held, hint)) != NULL) {
		const char *key = verifier->bytes.ptr;

		if (verifier->bytes.len != SPORE_VERIFIER_KEY_SIZE)
			continue;
		if (forms & SPORE_HMAC_PLAIN &&
		    host->hmac_sha256(key, SPORE_VERIFIER_KEY_SIZE, rq->challenge, 16, mac) ==
		            SPORE_OK &&
		    host->equal(mac, tag, sizeof mac))
			return verifier;
		if (len &&
		    host->hmac_sha256(key, SPORE_VERIFIER_KEY_SIZE, bound, len, mac) == SPORE_OK &&
		    host->equal(mac, tag, sizeof mac))
			return verifier;
	}
	return NULL;
}

/* ---- signatures: the plugin checks them, with a public key that the host has held ---- */

/* Looks for a public key with this hint for which `is_signed` returns 1. `is_signed` checks that
 * the client's answer is signed by the private key that belongs to it, for this purpose, challenge
 * and session. */
static inline const spore_verifier *spore_pubkey_find(const spore_held *held, uint64_t hint,
                                                      uint32_t (*is_signed)(void *arg,
                                                                            spore_str public_key),
                                                      void *arg)
{
	const spore_verifier *verifier = held->next(held, hint);

	while (verifier && !is_signed(arg, verifier->bytes))
		verifier = held->next(held, hint);
	return verifier;
}

/* ---- passwords: never held, but their HMAC under a random key that stays in this process ---- */

/* The key for the passwords of this instance. Each instance that replaces this one gets the same
 * key. Returns SPORE_OK, or what random() or state_put() returns. [main], only in create() */
static inline spore_status spore_password_key(const spore_create_args *args,
                                              uint8_t key_out[SPORE_VERIFIER_KEY_SIZE])
{
	static const char name[] = "spore.password.key";
	spore_str held = { NULL, 0 };
	spore_status status;

	if (args->host->state_get(args->ctx, name, &held) && held.len == SPORE_VERIFIER_KEY_SIZE) {
		memcpy(key_out, held.ptr, held.len);
		return SPORE_OK;
	}
	status = args->host->random(key_out, SPORE_VERIFIER_KEY_SIZE);
	held.ptr = (const char *)key_out;
	held.len = SPORE_VERIFIER_KEY_SIZE;
	return status == SPORE_OK ? args->host->state_put(args->ctx, name, held) : status;
}

/* Makes the verifier of a name and its password. Returns SPORE_OK, SPORE_EINVAL if both together
 * are longer than an answer can be, or SPORE_ESYS. */
static inline spore_status spore_password_verifier(const spore_host *host,
                                                   const uint8_t key[SPORE_VERIFIER_KEY_SIZE],
                                                   spore_str name, spore_str password,
                                                   uint8_t verifier_out[SPORE_VERIFIER_KEY_SIZE])
{
	char text[SPORE_AUTH_ANSWER_MAX + 1];
	size_t len = name.len + 1 + password.len;
	spore_status status;

	if (name.len > SPORE_AUTH_ANSWER_MAX || password.len > SPORE_AUTH_ANSWER_MAX ||
	    len > sizeof text)
		return SPORE_EINVAL;
	if (name.len)
		memcpy(text, name.ptr, name.len);
	text[name.len] = '\0';
	if (password.len)
		memcpy(text + name.len + 1, password.ptr, password.len);
	status = host->hmac_sha256(key, SPORE_VERIFIER_KEY_SIZE, text, len, verifier_out);
	spore_wipe(text, sizeof text);
	return status;
}

/* Looks for the verifier of this name and password, with the hint of spore_verifier_hint(name).
 * Call it only for a connection that is secure. */
static inline const spore_verifier *spore_password_find(const spore_host *host,
                                                        const uint8_t key[SPORE_VERIFIER_KEY_SIZE],
                                                        spore_str name, spore_str password,
                                                        const spore_held *held)
{
	uint8_t own[SPORE_VERIFIER_KEY_SIZE];
	uint64_t hint = spore_verifier_hint(host, name);
	const spore_verifier *verifier;

	if (spore_password_verifier(host, key, name, password, own) != SPORE_OK)
		return NULL;
	while ((verifier = held->next(held, hint)) != NULL) {
		if (verifier->bytes.len == sizeof own &&
		    host->equal(verifier->bytes.ptr, own, sizeof own))
			break;
	}
	spore_wipe(own, sizeof own);
	return verifier;
}

#ifdef __cplusplus
}
#endif
#endif
