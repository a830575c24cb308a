#include "record.h"

#include <openssl/x509.h>

#include "../hex.h"
#include "../pubkey/authorized.h"

/* ---- the four proofs ---- */

static const char *set_key(struct record *record, const spore_host *host,
                           const uint8_t key[RECORD_KEY_SIZE])
{
	if (record->has & RECORD_HAS_KEY && !host->equal(record->key, key, RECORD_KEY_SIZE))
		return "expected the SHA-256 digest of the field secret, found another one";
	memcpy(record->key, key, RECORD_KEY_SIZE);
	record->has |= RECORD_HAS_KEY;
	return NULL;
}

static const char *read_secret(struct record *record, const spore_host *host, const char *text)
{
	uint8_t key[RECORD_KEY_SIZE];
	const char *wrong = "expected a secret, found an empty text";

	if (*text && host->sha256(text, strlen(text), key) == SPORE_OK)
		wrong = set_key(record, host, key);
	explicit_bzero(key, sizeof key);
	return wrong;
}

static const char *read_key(struct record *record, const spore_host *host, const char *text)
{
	uint8_t key[RECORD_KEY_SIZE];
	const char *wrong = "expected 64 hexadecimal digits, the SHA-256 digest of the secret";

	if (hex_read(spore_cstr(text), key, sizeof key))
		wrong = set_key(record, host, key);
	explicit_bzero(key, sizeof key);
	return wrong;
}

/* Limits must be fields of the record, so that there is one place for them. */
static bool has_other_options(const struct restrictions *restrictions)
{
	return restrictions->terms.policy.stated || restrictions->expires_ms;
}

static bool take_pubkey(struct record *record, const struct authorized_line *line)
{
	uint8_t *end = record->pubkey;
	int len = i2d_PUBKEY(line->key.pkey, NULL);

	if (len <= 0 || len > RECORD_PUBKEY_MAX || i2d_PUBKEY(line->key.pkey, &end) != len)
		return false;
	record->pubkey_len = (size_t)len;
	memcpy(record->fingerprint, line->key.fingerprint, sizeof record->fingerprint);
	memcpy(record->key_owner, line->restrictions.identity, sizeof record->key_owner);
	record->has |= RECORD_HAS_PUBKEY;
	return true;
}

static const char *read_pubkey(struct record *record, const spore_host *host, const char *text)
{
	struct authorized_reader reader = authorized_read(text, strlen(text));
	struct authorized_line line, more;
	const char *wrong = NULL;

	(void)host;
	switch (authorized_next(&reader, &line)) {
	case AUTHORIZED_FAULT:
		return line.fault;
	case AUTHORIZED_END:
		return "expected a line of authorized_keys, found none";
	case AUTHORIZED_KEY:
		break;
	}
	if (authorized_next(&reader, &more) != AUTHORIZED_END) {
		key_fini(&more.key);
		wrong = "expected one line of authorized_keys, found several";
	} else if (has_other_options(&line.restrictions)) {
		wrong = "expected no option but identity in front of the key: limits are fields "
			"of the record";
	} else if (!take_pubkey(record, &line)) {
		wrong = "expected a public key that OpenSSL can write";
	}
	key_fini(&line.key);
	return wrong;
}

static const char *read_hash(struct record *record, const spore_host *host, const char *text)
{
	const char *wrong = hash_fault(spore_cstr(text));

	(void)host;
	if (wrong)
		return wrong;
	memcpy(record->hash, text, strlen(text) + 1);
	record->has |= RECORD_HAS_HASH;
	return NULL;
}

/* ---- fields ---- */

static const struct row {
	const char *name;
	/* NULL: a limit */
	const char *(*read)(struct record *record, const spore_host *host, const char *text);
} rows[] = {
	{ "secret", read_secret },       { "key", read_key },       { "pubkey", read_pubkey },
	{ "password_hash", read_hash },  { "ports", NULL },         { "max_tunnels", NULL },
	{ "max_conns", NULL },           { "life", NULL },          { "rate_up", NULL },
	{ "rate_down", NULL },           { "bytes_per_day", NULL }, { "bytes_per_month", NULL },
	{ "visitors_per_second", NULL },
};
enum { N_ROWS = sizeof rows / sizeof *rows };

/* N_ROWS: there is no such field. */
static size_t find_row(spore_str field)
{
	size_t i = 0;

	while (i < N_ROWS && !(strlen(rows[i].name) == field.len &&
	                       memcmp(rows[i].name, field.ptr, field.len) == 0))
		i++;
	return i;
}

bool record_knows(spore_str field)
{
	return field.len && find_row(field) < N_ROWS;
}

const char *record_set(struct record *record, const spore_host *host, spore_str field,
                       spore_str value)
{
	size_t row = field.len ? find_row(field) : N_ROWS;
	char text[RECORD_VALUE_MAX + 1];
	const char *wrong;

	if (row == N_ROWS)
		return "unknown: expected only secret, key, pubkey, password_hash, ports, "
		       "max_tunnels, max_conns, life, rate_up, rate_down, bytes_per_day, "
		       "bytes_per_month and visitors_per_second";
	if (record->seen & 1u << row)
		return "expected each field once, found it again";
	record->seen |= 1u << row;
	if (value.len > RECORD_VALUE_MAX || (value.len && memchr(value.ptr, '\0', value.len)))
		return "expected a text of at most 4096 bytes without NUL";
	if (value.len)
		memcpy(text, value.ptr, value.len);
	text[value.len] = '\0';
	wrong = rows[row].read ? rows[row].read(record, host, text)
	                       : terms_set(&record->terms, rows[row].name, text);
	explicit_bzero(text, value.len);
	return wrong;
}

const char *record_fault(const struct record *record)
{
	return record->has ? NULL : "expected secret, key, pubkey or password_hash, found none";
}

void record_fini(struct record *record)
{
	explicit_bzero(record, sizeof *record);
}
