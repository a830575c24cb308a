#include "verdict.h"

#include <stdio.h>

#include "../common/hex.h"

/* The verdict that is being read, and the place for the text of a mistake. */
struct reading {
	const spore_host *host;
	struct verdict *verdict;
	char *error;
	size_t error_size;
};

static bool expect(struct reading *r, const char *key, const char *expected)
{
	snprintf(r->error, r->error_size, "/%s: expected %s", key, expected);
	return false;
}

static bool take_text(struct reading *r, const spore_cfg *value, const char *key, char *out,
                      size_t size)
{
	const char *text = r->host->cfg_string(value);

	if (!text || strlen(text) >= size) {
		char expected[48];

		snprintf(expected, sizeof expected, "a text of at most %zu bytes", size - 1);
		return expect(r, key, expected);
	}
	memcpy(out, text, strlen(text) + 1);
	return true;
}

static bool read_verdict(struct reading *r, const spore_cfg *value)
{
	static const struct {
		const char *word;
		int32_t verdict;
	} rows[] = { { "allow", SPORE_ALLOW }, { "deny", SPORE_DENY }, { "next", SPORE_NEXT } };
	const char *word = r->host->cfg_string(value);

	for (size_t i = 0; word && i < sizeof rows / sizeof *rows; i++) {
		if (strcmp(word, rows[i].word) == 0) {
			r->verdict->verdict = rows[i].verdict;
			return true;
		}
	}
	return expect(r, "verdict", "\"allow\", \"deny\" or \"next\"");
}

static bool read_identity(struct reading *r, const spore_cfg *value)
{
	char *identity = r->verdict->known.identity;

	return take_text(r, value, "identity", identity, SPORE_IDENTITY_MAX + 1) &&
	       (*identity || expect(r, "identity", "a text that is not empty"));
}

static bool read_reason(struct reading *r, const spore_cfg *value)
{
	return take_text(r, value, "reason", r->verdict->reason, sizeof r->verdict->reason);
}

static bool read_policy(struct reading *r, const spore_cfg *value)
{
	char wrong[160];

	if (terms_read(&r->verdict->known.terms, r->host, value, wrong, sizeof wrong))
		return true;
	snprintf(r->error, r->error_size, "/policy%s", wrong);
	return false;
}

static bool read_key(struct reading *r, const spore_cfg *value)
{
	const char *hex = r->host->cfg_string(value);
	bool good = hex && hex_read(spore_cstr(hex), r->verdict->known.key, KEY_CACHE_KEY_SIZE);

	r->verdict->has_key = good;
	return good || expect(r, "key", "64 hexadecimal digits, the SHA-256 digest of the secret");
}

static bool read_life(struct reading *r, const spore_cfg *value)
{
	double seconds = r->host->cfg_number(value);

	if (r->host->cfg_type(value) != SPORE_CFG_NUMBER || seconds < 0 ||
	    seconds > VERDICT_LIFE_MAX_S)
		return expect(r, "life", "a number of seconds from 0 to 86400");
	r->verdict->life_ms = (int64_t)(seconds * 1000);
	return true;
}

enum { IN_VERIFY = 1, IN_KEY = 2 };

static const struct row {
	const char *key;
	int modes;
	bool (*read)(struct reading *r, const spore_cfg *value);
} rows[] = {
	{ "verdict", IN_VERIFY, read_verdict },  { "identity", IN_VERIFY | IN_KEY, read_identity },
	{ "reason", IN_VERIFY, read_reason },    { "policy", IN_VERIFY | IN_KEY, read_policy },
	{ "key", IN_VERIFY | IN_KEY, read_key }, { "life", IN_KEY, read_life },
};

static bool read_member(struct reading *r, int mode, const char *key, const spore_cfg *value)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (strcmp(rows[i].key, key) == 0 && rows[i].modes & mode)
			return rows[i].read(r, value);
	}
	snprintf(r->error, r->error_size, "/%.40s: unknown: expected only %s", key,
	         mode == IN_KEY ? "key, identity, policy and life"
	                        : "verdict, identity, reason, policy and key");
	return false;
}

static bool read_object(struct reading *r, int mode, const spore_cfg *object)
{
	if (r->host->cfg_type(object) != SPORE_CFG_OBJECT) {
		snprintf(r->error, r->error_size, "expected an object");
		return false;
	}
	for (size_t i = 0; i < r->host->cfg_count(object); i++) {
		const char *key;
		const spore_cfg *value = r->host->cfg_at(object, i, &key);

		if (!read_member(r, mode, key, value))
			return false;
	}
	return true;
}

static bool read_body(struct reading *r, int mode, spore_ctx *ctx, spore_str body)
{
	spore_cfg *tree;
	bool good;

	if (!body.len) {
		snprintf(r->error, r->error_size, "expected an object, found nothing");
		return false;
	}
	if (r->host->cfg_parse(ctx, body, &tree, r->error, r->error_size) != SPORE_OK)
		return false;
	good = read_object(r, mode, tree);
	r->host->cfg_free(tree);
	return good;
}

bool verdict_read(struct verdict *verdict, const spore_host *host, spore_ctx *ctx, spore_str body,
                  char *error, size_t error_size)
{
	struct reading r = { host, verdict, error, error_size };

	*verdict = (struct verdict){ 0 };
	snprintf(error, error_size, "out of memory");
	if (!read_body(&r, IN_VERIFY, ctx, body))
		return false;
	if (!verdict->verdict)
		return expect(&r, "verdict", "\"allow\", \"deny\" or \"next\"");
	if (verdict->verdict == SPORE_ALLOW && !*verdict->known.identity)
		return expect(&r, "identity", "a text with the verdict \"allow\"");
	return true;
}

bool verdict_read_key(struct verdict *verdict, const spore_host *host, spore_ctx *ctx,
                      spore_str body, const char *name, char *error, size_t error_size)
{
	struct reading r = { host, verdict, error, error_size };

	*verdict = (struct verdict){ .verdict = SPORE_ALLOW };
	snprintf(error, error_size, "out of memory");
	if (!read_body(&r, IN_KEY, ctx, body))
		return false;
	if (!verdict->has_key)
		return expect(&r, "key", "64 hexadecimal digits, the SHA-256 digest of the secret");
	if (!*verdict->known.identity)
		snprintf(verdict->known.identity, sizeof verdict->known.identity, "%s", name);
	return true;
}

void verdict_fini(struct verdict *verdict)
{
	explicit_bzero(verdict, sizeof *verdict);
}
