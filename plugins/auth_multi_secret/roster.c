#include "roster.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

bool roster_name_is_good(spore_str name)
{
	static const char good[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@+-";

	for (size_t i = 0; i < name.len; i++) {
		if (!memchr(good, name.ptr[i], sizeof good - 1))
			return false;
	}
	return name.len >= 1 && name.len <= ROSTER_NAME_MAX;
}

struct member *roster_add(struct roster *roster, spore_str name, spore_str secret)
{
	struct member *member;

	if (roster->n == roster->room) {
		size_t room = roster->room ? 2 * roster->room : 16;
		struct member *members = realloc(roster->members, room * sizeof *members);

		if (!members)
			return NULL;
		roster->members = members;
		roster->room = room;
	}
	member = &roster->members[roster->n];
	*member = (struct member){ 0 };
	if (!bore_key_init(&member->key, secret))
		return NULL;
	memcpy(member->name, name.ptr, name.len);
	roster->n++;
	return member;
}

void roster_fini(struct roster *roster)
{
	for (size_t i = 0; i < roster->n; i++)
		bore_key_fini(&roster->members[i].key);
	free(roster->members);
	*roster = (struct roster){ 0 };
}

enum roster_outcome roster_find(const struct roster *roster, EVP_MD_CTX *scratch,
                                const struct binding_message *message,
                                const uint8_t tag[BORE_TAG_SIZE], const struct member **member_out)
{
	uint8_t expected[BORE_TAG_SIZE] = { 0 };
	size_t found = 0; /* index + 1 */
	bool good = true;

	for (size_t i = 0; good && i < roster->n; i++) {
		size_t differs, mask;

		good = bore_key_tag(&roster->members[i].key, scratch, message->bytes, message->len,
		                    expected);
		differs = CRYPTO_memcmp(expected, tag, sizeof expected) != 0;
		/* All bits are 1 if the tags are equal. A branch would take longer for a match. */
		mask = differs - 1;
		found |= (i + 1) & mask;
	}
	OPENSSL_cleanse(expected, sizeof expected);
	if (!good)
		return ROSTER_FAILED;
	if (found == 0)
		return ROSTER_UNKNOWN;
	*member_out = &roster->members[found - 1];
	return ROSTER_FOUND;
}

enum roster_outcome roster_check(const struct member *member, EVP_MD_CTX *scratch,
                                 const struct binding_message *message,
                                 const uint8_t tag[BORE_TAG_SIZE])
{
	uint8_t expected[BORE_TAG_SIZE] = { 0 };
	bool good = bore_key_tag(&member->key, scratch, message->bytes, message->len, expected);
	bool same = CRYPTO_memcmp(expected, tag, sizeof expected) == 0;

	OPENSSL_cleanse(expected, sizeof expected);
	return !good ? ROSTER_FAILED : same ? ROSTER_FOUND : ROSTER_UNKNOWN;
}

/* Compares every name, so that the time does not tell where a name stands. */
static const struct member *find_name(const struct roster *roster, const char *name)
{
	const struct member *member = NULL;

	for (size_t i = 0; i < roster->n; i++)
		member = strcmp(roster->members[i].name, name) == 0 ? &roster->members[i] : member;
	return member;
}

bool roster_has(const struct roster *roster, const char *name)
{
	return find_name(roster, name);
}

enum roster_outcome roster_check_name(const struct roster *roster, const char *name,
                                      EVP_MD_CTX *scratch, const struct binding_message *message,
                                      const uint8_t tag[BORE_TAG_SIZE],
                                      const struct member **member_out)
{
	const struct member *member = find_name(roster, name);
	enum roster_outcome outcome;

	if (roster->n == 0)
		return ROSTER_UNKNOWN;
	/* For an unknown name, the check of another member takes the same time. */
	outcome = roster_check(member ? member : roster->members, scratch, message, tag);
	if (!member)
		return outcome == ROSTER_FAILED ? ROSTER_FAILED : ROSTER_UNKNOWN;
	*member_out = member;
	return outcome;
}
