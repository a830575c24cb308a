#include "verdict.h"

#include <stdio.h>
#include <string.h>

#include "row.h"

static bool starts(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

enum verdict verdict_of(const char *state)
{
	static const char *const lost[] = {
		"08",    /* the connection fails */
		"26",    /* the prepared statement is gone, as behind a pooler */
		"0A000", /* the table under the prepared statement has changed */
		"57P",   /* the server ends */
	};

	if (!state)
		return VERDICT_LOST;
	for (size_t i = 0; i < sizeof lost / sizeof *lost; i++)
		if (starts(state, lost[i]))
			return VERDICT_LOST;
	/* 22: a value is wrong; 21: a subquery gives too many rows. */
	return starts(state, "22") || starts(state, "21") ? VERDICT_VALUE : VERDICT_REFUSED;
}

bool verdict_on_form(const PGresult *description, char *why, size_t size)
{
	int n = PQnparams(description);

	if (n != 1) {
		snprintf(why, size,
		         "expected $1, the name of the client, in query, found %d parameters", n);
		return false;
	}
	if (PQnfields(description) > 0)
		return true;
	snprintf(why, size,
	         "expected a query that gives rows with columns, such as a select, found one that "
	         "gives none");
	return false;
}

bool verdict_on_columns(const PGresult *description, char *why, size_t size)
{
	int n = PQnfields(description);

	for (int i = 0; i < n; i++) {
		const char *name = PQfname(description, i);

		if (strcmp(name, row_name) == 0 || record_knows(spore_cstr(name)))
			continue;
		snprintf(why, size,
		         "the query gives the column %.40s, which is unknown, so it lets nobody "
		         "in: expected only name, secret, key, pubkey, password_hash, ports, "
		         "max_tunnels, max_conns, life, rate_up, rate_down, bytes_per_day, "
		         "bytes_per_month and visitors_per_second",
		         name);
		return false;
	}
	return true;
}
