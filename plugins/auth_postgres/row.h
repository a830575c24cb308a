/* row - reads the row of a client: its columns are the fields of a record, and perhaps `name`, the
 * client's name. A field that is NULL is absent, but must be known, too. */
#ifndef ROW_H
#define ROW_H

#include <libpq-fe.h>

#include "../common/store/store.h"

enum { ROW_WRONG_MAX = 200 };

/* The column that says whose row it is. */
extern const char row_name[];

/* Reads the first row into *record, which the caller wipes. STORE_UNKNOWN: a column `name` has
 * another text than `name`, so this is the row of another client. STORE_WRONG: `wrong` gets what is
 * wrong, which contains at most the name of a column. [any] */
enum store_reply row_read(const PGresult *result, const spore_host *host, const char *name,
                          struct record *record, char wrong[ROW_WRONG_MAX]);

#endif
