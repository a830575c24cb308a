/* record - what a store says of one client, as names and texts:
 *
 *   secret         the client's secret
 *   key            the SHA-256 digest of the secret, 64 hexadecimal digits
 *   pubkey         a line of authorized_keys, without options but identity
 *   password_hash  of bcrypt, yescrypt or SHA-512, as crypt(5) writes it
 *   ports, max_tunnels, max_conns, life, rate_up, rate_down, bytes_per_day, bytes_per_month,
 *   visitors_per_second
 *                  limits, as client/terms.h reads them
 *
 * At least one of the first four must be there. If both are there, key must be that of secret. An
 * unknown field is an error, since it could be a restriction. This code is compiled into each
 * plugin that uses it. */
#ifndef COMMON_RECORD_H
#define COMMON_RECORD_H

#include <spore/auth.h>
#include <stdbool.h>

#include "../client/terms.h"
#include "../password/hash.h"
#include "../pubkey/key.h"

enum { RECORD_KEY_SIZE = 32, RECORD_PUBKEY_MAX = 128, RECORD_VALUE_MAX = 4096 };

/* What a record has. */
enum { RECORD_HAS_KEY = 1, RECORD_HAS_PUBKEY = 2, RECORD_HAS_HASH = 4 };

/* A zeroed struct is empty. It may be copied. */
struct record {
	uint32_t has;  /* RECORD_HAS_* */
	uint32_t seen; /* a bit for each field that was set */
	uint8_t key[RECORD_KEY_SIZE];
	uint8_t pubkey[RECORD_PUBKEY_MAX]; /* SubjectPublicKeyInfo in DER */
	size_t pubkey_len;
	uint8_t fingerprint[KEY_FINGERPRINT_SIZE]; /* of the public key */
	char key_owner[SPORE_IDENTITY_MAX + 1];    /* the identity in the line of the public key */
	char hash[HASH_MAX + 1];
	struct terms terms;
};

/* Whether a record may have this field. [any] */
bool record_knows(spore_str field);
/* Sets a field. Returns NULL, or what is wrong: a permanent text that contains nothing of the
 * arguments. [any] */
const char *record_set(struct record *record, const spore_host *host, spore_str field,
                       spore_str value);
/* After the last field: NULL, or what is missing. [any] */
const char *record_fault(const struct record *record);
/* Wipes it. [any] */
void record_fini(struct record *record);

#endif
