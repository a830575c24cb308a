#include "evidence.h"

#include <openssl/x509.h>
#include <spore/verifier.h>
#include <stdio.h>

#include "../client/identity.h"

/* ---- reading an answer ---- */

static void take_password(struct evidence *evidence, const spore_host *host,
                          const spore_auth_request *rq, const struct password_answer *answer)
{
	evidence->form = EVIDENCE_PASSWORD;
	snprintf(evidence->name, sizeof evidence->name, "%s", answer->name);
	snprintf(evidence->password, sizeof evidence->password, "%s", answer->password);
	evidence->hint = spore_verifier_hint(host, spore_cstr(evidence->name));
	if (!rq->secure)
		evidence->obstacle = "the password came over a connection that is not secure, so "
				     "it is not a secret any more";
}

static const struct server_name *find_name(const struct evidence_rules *rules,
                                           const uint8_t hash[SERVER_NAME_HASH_SIZE])
{
	for (size_t i = 0; i < rules->n_names; i++) {
		if (memcmp(rules->names[i].hash, hash, SERVER_NAME_HASH_SIZE) == 0)
			return &rules->names[i];
	}
	return NULL;
}

static void take_signature(struct evidence *evidence, const struct evidence_rules *rules,
                           const spore_auth_request *rq)
{
	const struct server_name *name = find_name(rules, evidence->proof.name_hash);
	struct statement_facts facts = {
		.purpose = rq->purpose,
		.challenge = rq->challenge,
		.fingerprint = evidence->proof.fingerprint,
		.name = name,
		.binding = rq->channel_binding,
	};

	evidence->form = EVIDENCE_SIGNATURE;
	key_print_fingerprint(evidence->proof.fingerprint, evidence->name);
	evidence->hint = spore_verifier_hint(rules->host, spore_cstr(evidence->name));
	if (!name)
		evidence->obstacle = "the client dialled a name that \"names\" does not have";
	else if (!statement_init(&evidence->statement, &facts))
		evidence->obstacle = "its channel binding is too long";
}

static void take_hmac(struct evidence *evidence)
{
	if (!evidence->claim.has_tag)
		return;
	evidence->form = EVIDENCE_HMAC;
	evidence->hint = evidence->claim.hint;
	memcpy(evidence->name, evidence->claim.name, sizeof evidence->name);
}

void evidence_init(struct evidence *evidence, const struct evidence_rules *rules,
                   const spore_auth_request *rq)
{
	struct password_answer answer;

	*evidence = (struct evidence){ .purpose = rq->purpose, .session = rq->session };
	if (proof_parse(rq->answer, &evidence->proof)) {
		take_signature(evidence, rules, rq);
	} else if (password_answer_parse(rq->answer, &answer)) {
		take_password(evidence, rules->host, rq, &answer);
	} else {
		claim_init(&evidence->claim, rules->host, rq, rules->binding);
		take_hmac(evidence);
	}
	explicit_bzero(&answer, sizeof answer);
	if (*evidence->name && !identity_is_good(spore_cstr(evidence->name)))
		evidence->form = EVIDENCE_NONE;
}

void evidence_fini(struct evidence *evidence)
{
	explicit_bzero(evidence, sizeof *evidence);
}

/* ---- comparing ---- */

static enum evidence_says check_hmac(const struct evidence *evidence,
                                     const struct evidence_rules *rules,
                                     const struct credential *credential)
{
	bool is_right = credential->len == CLAIM_KEY_SIZE &&
	                claim_is_proved(&evidence->claim, rules->host, credential->bytes);

	return is_right ? EVIDENCE_RIGHT : EVIDENCE_WRONG;
}

static enum evidence_says check_signature(const struct evidence *evidence,
                                          const struct credential *credential)
{
	const uint8_t *at = credential->bytes;
	EVP_PKEY *pkey = d2i_PUBKEY(NULL, &at, (long)credential->len);
	struct key key;
	int right = 0;

	if (!pkey || !key_take(&key, pkey)) {
		EVP_PKEY_free(pkey);
		return EVIDENCE_FAILED;
	}
	if (memcmp(key.fingerprint, evidence->proof.fingerprint, KEY_FINGERPRINT_SIZE) == 0)
		right = key_verify(&key, evidence->statement.bytes, evidence->statement.len,
		                   evidence->proof.signature);
	key_fini(&key);
	return right < 0 ? EVIDENCE_FAILED : right ? EVIDENCE_RIGHT : EVIDENCE_WRONG;
}

static enum evidence_says check_password(const struct evidence *evidence,
                                         const struct evidence_rules *rules,
                                         const struct credential *credential)
{
	struct credential own = evidence_seal(evidence, rules);
	bool same = own.len == credential->len && own.len &&
	            rules->host->equal(own.bytes, credential->bytes, own.len);

	explicit_bzero(&own, sizeof own);
	return same ? EVIDENCE_RIGHT : EVIDENCE_WRONG;
}

enum evidence_says evidence_fits(const struct evidence *evidence,
                                 const struct evidence_rules *rules,
                                 const struct credential *credential)
{
	if (evidence->obstacle || evidence->form != credential->form)
		return EVIDENCE_WRONG;
	if (evidence->form == EVIDENCE_SIGNATURE)
		return check_signature(evidence, credential);
	if (evidence->form == EVIDENCE_PASSWORD)
		return check_password(evidence, rules, credential);
	if (evidence->form == EVIDENCE_HMAC)
		return check_hmac(evidence, rules, credential);
	return EVIDENCE_WRONG;
}

/* ---- credentials ---- */

static struct credential make_credential(enum evidence_form form, const void *bytes, size_t len)
{
	struct credential credential = { .form = form, .len = len };

	memcpy(credential.bytes, bytes, len);
	return credential;
}

struct credential evidence_credential(enum evidence_form form, const struct record *record)
{
	if (form == EVIDENCE_HMAC && record->has & RECORD_HAS_KEY)
		return make_credential(form, record->key, sizeof record->key);
	if (form == EVIDENCE_SIGNATURE && record->has & RECORD_HAS_PUBKEY)
		return make_credential(form, record->pubkey, record->pubkey_len);
	return (struct credential){ 0 };
}

struct credential evidence_seal(const struct evidence *evidence, const struct evidence_rules *rules)
{
	struct credential credential = { .form = EVIDENCE_PASSWORD, .len = CREDENTIAL_HMAC_SIZE };

	if (spore_password_verifier(rules->host, rules->password_key, spore_cstr(evidence->name),
	                            spore_cstr(evidence->password), credential.bytes) != SPORE_OK)
		return (struct credential){ 0 };
	return credential;
}
