#include "verdict.h"

#include <string.h>

#include "suite.h"

START_TEST(errors_are_of_three_kinds)
{
	static const struct {
		const char *state;
		enum verdict verdict;
	} rows[] = {
		{ NULL, VERDICT_LOST },       { "08006", VERDICT_LOST },
		{ "26000", VERDICT_LOST },    { "0A000", VERDICT_LOST },
		{ "57P01", VERDICT_LOST },    { "57014", VERDICT_REFUSED },
		{ "22P02", VERDICT_VALUE },   { "22021", VERDICT_VALUE },
		{ "21000", VERDICT_VALUE },   { "42501", VERDICT_REFUSED },
		{ "25006", VERDICT_REFUSED }, { "", VERDICT_REFUSED },
		{ "0A", VERDICT_REFUSED },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		ck_assert_msg(verdict_of(rows[i].state) == rows[i].verdict, "%s",
		              rows[i].state ? rows[i].state : "none");
}
END_TEST

/* A description without a parameter, as PQmakeEmptyPGresult() makes it. */
START_TEST(a_query_has_a_parameter_and_known_columns)
{
	PGresAttDesc columns[2] = { { .name = (char *)"name" }, { .name = (char *)"max_conns" } };
	PGresult *description = PQmakeEmptyPGresult(NULL, PGRES_COMMAND_OK);
	char why[300];

	ck_assert(!verdict_on_form(description, why, sizeof why));
	ck_assert_ptr_nonnull(strstr(why, "found 0 parameters"));
	ck_assert(PQsetResultAttrs(description, 2, columns));
	ck_assert(verdict_on_columns(description, why, sizeof why));
	PQclear(description);
	columns[1].name = (char *)"max_conn";
	description = PQmakeEmptyPGresult(NULL, PGRES_COMMAND_OK);
	ck_assert(PQsetResultAttrs(description, 2, columns));
	ck_assert(!verdict_on_columns(description, why, sizeof why));
	ck_assert_ptr_nonnull(strstr(why, "the column max_conn, which is unknown"));
	PQclear(description);
}
END_TEST

SUITE("verdict", errors_are_of_three_kinds, a_query_has_a_parameter_and_known_columns)
