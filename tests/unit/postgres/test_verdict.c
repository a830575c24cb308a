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
START_TEST(a_query_needs_the_name)
{
	PGresult *description = PQmakeEmptyPGresult(NULL, PGRES_COMMAND_OK);
	char why[200];

	ck_assert(!verdict_on_query(description, why, sizeof why));
	ck_assert_ptr_nonnull(strstr(why, "found 0 parameters"));
	PQclear(description);
}
END_TEST

SUITE("verdict", errors_are_of_three_kinds, a_query_needs_the_name)
