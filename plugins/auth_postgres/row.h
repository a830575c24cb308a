/* row - reads the row of a client. Its columns are the fields of a record, and perhaps the client's
 * name (`name`). A column that is NULL counts as absent, but must be a known one, too. */
#ifndef ROW_H
#define ROW_H

#include <libpq-fe.h>

#include "../common/store/store.h"

enum { ROW_WRONG_MAX = 200 };

/* The name of the column that says whose row it is. */
extern const char row_name[];

/* Reads the first row into *record, which the caller wipes. STORE_UNKNOWN: the column `name` has
 * another text than the argument `name`, so this is the row of another client. STORE_WRONG: `wrong`
 * says what is wrong, and contains at most the name of a column. [any] */
enum store_reply row_read(const PGresult *result, const spore_host *host, const char *name,
                          struct record *record, char wrong[ROW_WRONG_MAX]);

#endif
