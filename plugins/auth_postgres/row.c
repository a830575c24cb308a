#include "row.h"

#include <stdio.h>

const char row_name[] = "name";

static bool is_name_column(const PGresult *result, int column)
{
	return strcmp(PQfname(result, column), row_name) == 0;
}

/* The operator's query may compare loosely (lower(), citext, char(n)). Then one row is found by
 * several names. Each of them would be another identity, and a change of the row would not find
 * it. */
static bool is_of_another(const PGresult *result, const char *name)
{
	for (int i = 0; i < PQnfields(result); i++) {
		if (is_name_column(result, i) &&
		    (PQgetisnull(result, 0, i) || strcmp(PQgetvalue(result, 0, i), name) != 0))
			return true;
	}
	return false;
}

/* A field that is NULL is skipped, unless it is unknown: then record_set() must refuse it. */
static bool is_skipped(const PGresult *result, int column)
{
	return is_name_column(result, column) ||
	       (PQgetisnull(result, 0, column) &&
	        record_knows(spore_cstr(PQfname(result, column))));
}

/* Returns NULL, or what is wrong with the column *column_out. */
static const char *read_fields(const PGresult *result, const spore_host *host,
                               struct record *record, int *column_out)
{
	const char *text = NULL;

	for (int i = 0; i < PQnfields(result) && !text; i++) {
		spore_str field = spore_cstr(PQfname(result, i));
		spore_str value = { PQgetvalue(result, 0, i), (size_t)PQgetlength(result, 0, i) };

		*column_out = i;
		if (!is_skipped(result, i))
			text = record_set(record, host, field, value);
	}
	return text;
}

enum store_reply row_read(const PGresult *result, const spore_host *host, const char *name,
                          struct record *record, char wrong[ROW_WRONG_MAX])
{
	const char *text;
	int column = 0;

	record_fini(record);
	wrong[0] = '\0';
	if (is_of_another(result, name))
		return STORE_UNKNOWN;
	text = read_fields(result, host, record, &column);
	if (text) {
		snprintf(wrong, ROW_WRONG_MAX, "the column %.40s: %s", PQfname(result, column),
		         text);
		return STORE_WRONG;
	}
	text = record_fault(record);
	if (text)
		snprintf(wrong, ROW_WRONG_MAX, "%s", text);
	return text ? STORE_WRONG : STORE_FOUND;
}
