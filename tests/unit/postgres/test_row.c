#include "row.h"

#include <string.h>

#include "services/host.h"
#include "suite.h"

static struct record record;
static char wrong[ROW_WRONG_MAX];

/* Reads a row for alice of these columns and values, which end with NULL; "-" is NULL of SQL. */
static enum store_reply read_columns(const char *const *texts)
{
	PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_SINGLE_TUPLE);
	PGresAttDesc columns[8] = { 0 };
	enum store_reply reply;
	int n = 0;

	for (const char *const *at = texts; *at; at += 2)
		columns[n++].name = (char *)*at;
	ck_assert(PQsetResultAttrs(result, n, columns));
	for (int i = 0; i < n; i++) {
		const char *text = texts[2 * (size_t)i + 1];
		bool is_null = strcmp(text, "-") == 0;

		ck_assert(PQsetvalue(result, 0, i, is_null ? NULL : (char *)text,
		                     is_null ? -1 : (int)strlen(text)));
	}
	reply = row_read(result, host_table(), "alice", &record, wrong);
	ck_assert_int_eq(reply == STORE_WRONG, *wrong != '\0');
	PQclear(result);
	return reply;
}

START_TEST(columns_are_fields)
{
	read_columns((const char *[]){ "secret", "s", "max_conns", "7", "ports", "-", NULL });
	ck_assert_str_eq(wrong, "");
	ck_assert_uint_eq(record.has, RECORD_HAS_KEY);
	ck_assert_int_eq(record.terms.policy.max_conns, 7);
	ck_assert(!record.terms.n_ports);
	/* Nothing is left of the row before. */
	read_columns((const char *[]){ "password_hash", "-", "key", "-", NULL });
	ck_assert_uint_eq(record.has, 0);
	ck_assert_ptr_nonnull(strstr(wrong, "expected secret, key, pubkey or password_hash"));
}
END_TEST

START_TEST(others_are_mistakes)
{
	read_columns((const char *[]){ "secret", "s", "secert", "x", NULL });
	ck_assert_ptr_nonnull(strstr(wrong, "the column secert: unknown"));
	read_columns((const char *[]){ "secret", "s", "disabled", "-", NULL });
	ck_assert_ptr_nonnull(strstr(wrong, "the column disabled: unknown"));
	read_columns((const char *[]){ "secret", "s", "max_tunnels", "-1", NULL });
	ck_assert_ptr_nonnull(strstr(wrong, "the column max_tunnels: expected"));
	read_columns((const char *[]){ "secret", "s", "secret", "s", NULL });
	ck_assert_ptr_nonnull(strstr(wrong, "the column secret: expected each field once"));
	read_columns((const char *[]){ "secret", "", NULL });
	ck_assert_ptr_nonnull(strstr(wrong, "the column secret"));
}
END_TEST

START_TEST(a_name_must_be_that_of_the_client)
{
	static const char *const others[] = { "Alice", "alice ", "alic", "", "-" };

	ck_assert_int_eq(read_columns((const char *[]){ "secret", "s", "name", "alice", NULL }),
	                 STORE_FOUND);
	ck_assert_uint_eq(record.has, RECORD_HAS_KEY);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		ck_assert_int_eq(
			read_columns((const char *[]){ "secret", "s", "name", others[i], NULL }),
			STORE_UNKNOWN);
		ck_assert_uint_eq(record.has, 0);
	}
	/* Whatever else there is. */
	ck_assert_int_eq(read_columns((const char *[]){ "name", "alice", "disabled", "-", "name",
	                                                "bob", NULL }),
	                 STORE_UNKNOWN);
	ck_assert_int_eq(read_columns((const char *[]){ "name", "alice", NULL }), STORE_WRONG);
}
END_TEST

SUITE("row", columns_are_fields, others_are_mistakes, a_name_must_be_that_of_the_client)
