/* evidence - what a client's answer offers as a proof. It is kept while the store is asked, and is
 * then compared with what the store says.
 *
 *   form       the name in the store            what verifies it
 *   HMAC       the name before the answer       a key
 *   signature  the key's fingerprint, SHA256:…  a public key
 *   password   the name before the password     a hash, or the HMAC of a password that was right
 *
 * A credential verifies further answers of the same client without the store. Its bytes are those
 * of a verifier in spore/verifier.h. This code is compiled into each plugin that uses it. */
#ifndef COMMON_EVIDENCE_H
#define COMMON_EVIDENCE_H

#include "../client/claim.h"
#include "../password_answer.h"
#include "../pubkey/proof.h"
#include "../pubkey/statement.h"
#include "record.h"

enum evidence_form { EVIDENCE_NONE, EVIDENCE_HMAC, EVIDENCE_SIGNATURE, EVIDENCE_PASSWORD };
enum { EVIDENCE_FORMS = 4, CREDENTIAL_HMAC_SIZE = 32 };

/* Which answers are accepted, and what they are compared with. */
struct evidence_rules {
	const spore_host *host;
	int64_t binding;                 /* enum binding_mode */
	const struct server_name *names; /* under which clients dial this server */
	size_t n_names;
	uint8_t password_key[CREDENTIAL_HMAC_SIZE]; /* spore_password_key() */
};

struct credential {
	enum evidence_form form; /* EVIDENCE_NONE: it verifies nothing */
	size_t len;
	uint8_t bytes[RECORD_PUBKEY_MAX];
};

struct evidence {
	enum evidence_form form;
	const char *obstacle; /* why it is refused whatever the store says; static; NULL: nothing */
	uint32_t purpose;     /* SPORE_AUTH_* */
	uint64_t session;
	uint64_t hint;                     /* for recheck() */
	char name[SPORE_IDENTITY_MAX + 1]; /* "": the answer has none */
	struct claim claim;                /* HMAC */
	struct proof proof;                /* signature */
	struct statement statement;
	char password[PASSWORD_ANSWER_ROOM + 1];
};

/* `form` is EVIDENCE_NONE if the answer is of another form, or its name cannot be an identity. Wipe
 * the evidence with evidence_fini(). [worker] */
void evidence_init(struct evidence *evidence, const struct evidence_rules *rules,
                   const spore_auth_request *rq);
void evidence_fini(struct evidence *evidence);

enum evidence_says { EVIDENCE_WRONG, EVIDENCE_RIGHT, EVIDENCE_FAILED };

/* Compares with a credential, of this form or another. [any] */
enum evidence_says evidence_fits(const struct evidence *evidence,
                                 const struct evidence_rules *rules,
                                 const struct credential *credential);
/* The record's credential for this form; EVIDENCE_NONE: it has none. For passwords there is never
 * one, since a record has only their hash. [any] */
struct credential evidence_credential(enum evidence_form form, const struct record *record);
/* Makes the credential of a password that has turned out to be right. [any] */
struct credential evidence_seal(const struct evidence *evidence,
                                const struct evidence_rules *rules);

#endif
