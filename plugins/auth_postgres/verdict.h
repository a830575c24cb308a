/* verdict - what PostgreSQL's errors mean for a question, and whether the query is one that can be
 * asked. */
#ifndef VERDICT_H
#define VERDICT_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

enum verdict {
	VERDICT_LOST,  /* the connection is worth nothing any more */
	VERDICT_VALUE, /* this name, or the values that belong to it, are refused */
	VERDICT_REFUSED,
};

/* `state` is a SQLSTATE; NULL: it was libpq that failed. [any] */
enum verdict verdict_of(const char *state);

/* Whether the description of a prepared query has one parameter, and only columns that a record
 * has. False: `why` says what is wrong. [any] */
bool verdict_on_query(const PGresult *description, char *why, size_t size);

#endif
