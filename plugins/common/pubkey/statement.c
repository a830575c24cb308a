#include "statement.h"

#include <spore/auth.h>

enum { CHALLENGE_SIZE = 16 };

static const char label[] = "spore pubkey 1"; /* signed with its NUL */

static void append(struct statement *statement, const void *bytes, size_t len)
{
	memcpy(statement->bytes + statement->len, bytes, len);
	statement->len += len;
}

static void append_counted(struct statement *statement, const void *bytes, size_t len)
{
	uint8_t length = (uint8_t)len;

	append(statement, &length, 1);
	if (len)
		append(statement, bytes, len);
}

bool statement_init(struct statement *statement, const struct statement_facts *facts)
{
	if (facts->binding.len > STATEMENT_BINDING_MAX)
		return false;
	statement->len = 0;
	append(statement, label, sizeof label);
	append(statement, facts->purpose == SPORE_AUTH_DATA ? "D" : "C", 1);
	append(statement, facts->challenge, CHALLENGE_SIZE);
	append(statement, facts->fingerprint, KEY_FINGERPRINT_SIZE);
	append_counted(statement, facts->name->text, strlen(facts->name->text));
	append_counted(statement, facts->binding.ptr, facts->binding.len);
	return true;
}
