/* verdict - what PostgreSQL's errors mean for a question, and what is wrong with the query. */
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

/* Whether the description of a prepared query has one parameter, and columns, which a statement
 * without rows such as an update has not. False: `why` says what is wrong. [any] */
bool verdict_on_form(const PGresult *description, char *why, size_t size);
/* Whether it has only columns that a row may have. False: no row will be a record, and `why` says
 * why. [any] */
bool verdict_on_columns(const PGresult *description, char *why, size_t size);

#endif
