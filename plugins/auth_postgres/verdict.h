/* verdict - what PostgreSQL's errors mean for a question, and whether the operator's query is
 * usable. */
#ifndef VERDICT_H
#define VERDICT_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

enum verdict {
	VERDICT_LOST,    /* the connection cannot be used any more */
	VERDICT_VALUE,   /* this name, or the values that belong to it, are refused */
	VERDICT_REFUSED, /* another error, which says nothing of this name */
};

/* `state` is a SQLSTATE; NULL: it was libpq that failed. [any] */
enum verdict verdict_of(const char *state);

/* Whether a prepared query has exactly one parameter, and gives columns. A statement without rows,
 * such as an update, gives none. False: `why` says what is wrong. [any] */
bool verdict_on_form(const PGresult *description, char *why, size_t size);
/* Whether a prepared query gives only columns that a row may have. False: no row will be a record,
 * and `why` names the column. [any] */
bool verdict_on_columns(const PGresult *description, char *why, size_t size);

#endif
