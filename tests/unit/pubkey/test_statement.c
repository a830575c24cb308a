#include "statement.h"

#include <spore/auth.h>

#include "suite.h"

static uint8_t challenge[16] = "0123456789abcde", fingerprint[KEY_FINGERPRINT_SIZE];
static struct server_name name;

static struct statement make(uint32_t purpose, const char *server, spore_str binding)
{
	struct statement_facts facts = { purpose, challenge, fingerprint, &name, binding };
	struct statement statement;

	ck_assert(server_name_init(&name, server));
	ck_assert(statement_init(&statement, &facts));
	return statement;
}

/* Byte by byte, as conf/protocol.md describes it. */
START_TEST(the_text)
{
	struct statement statement;

	memset(fingerprint, 'f', sizeof fingerprint);
	statement = make(SPORE_AUTH_CONTROL, "Example", spore_cstr("binding"));
	ck_assert_uint_eq(statement.len, 80);
	ck_assert_mem_eq(statement.bytes,
	                 "spore pubkey 1\0"
	                 "C"
	                 "0123456789abcde\0"
	                 "ffffffffffffffffffffffffffffffff"
	                 "\007example"
	                 "\007binding",
	                 80);
	statement = make(SPORE_AUTH_DATA, "a", (spore_str){ NULL, 0 });
	ck_assert_uint_eq(statement.len, 67);
	ck_assert_uint_eq(statement.bytes[15], 'D');
	ck_assert_mem_eq(statement.bytes + 64, "\001a\0", 3);
}
END_TEST

START_TEST(renewing_is_about_the_control_connection)
{
	struct statement control = make(SPORE_AUTH_CONTROL, "a", (spore_str){ NULL, 0 });
	struct statement renew = make(SPORE_AUTH_RENEW, "a", (spore_str){ NULL, 0 });

	ck_assert_uint_eq(control.len, renew.len);
	ck_assert_mem_eq(control.bytes, renew.bytes, control.len);
}
END_TEST

START_TEST(the_longest)
{
	char server[SERVER_NAME_MAX + 1], binding[STATEMENT_BINDING_MAX + 1] = "";
	struct statement_facts facts = {
		SPORE_AUTH_DATA, challenge, fingerprint, &name, { binding, sizeof binding }
	};
	struct statement statement;

	memset(server, 'a', sizeof server - 1);
	server[SERVER_NAME_MAX] = '\0';
	statement = make(SPORE_AUTH_DATA, server, (spore_str){ binding, STATEMENT_BINDING_MAX });
	ck_assert_uint_eq(statement.len, STATEMENT_MAX);
	ck_assert(!statement_init(&statement, &facts));
}
END_TEST

SUITE("statement", the_text, renewing_is_about_the_control_connection, the_longest)
