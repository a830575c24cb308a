#include "row.h"

#include <stdio.h>

void row_read(const PGresult *result, const spore_host *host, struct record *record,
              char wrong[ROW_WRONG_MAX])
{
	const char *text = NULL;
	int n = PQnfields(result), i = 0;

	record_fini(record);
	wrong[0] = '\0';
	for (; i < n && !text; i++) {
		spore_str field = spore_cstr(PQfname(result, i));
		spore_str value = { PQgetvalue(result, 0, i), (size_t)PQgetlength(result, 0, i) };

		if (!PQgetisnull(result, 0, i) || !record_knows(field))
			text = record_set(record, host, field, value);
	}
	if (text) {
		snprintf(wrong, ROW_WRONG_MAX, "the column %.40s: %s", PQfname(result, i - 1),
		         text);
		return;
	}
	text = record_fault(record);
	if (text)
		snprintf(wrong, ROW_WRONG_MAX, "%s", text);
}
