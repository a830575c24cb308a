/* row - reads the row of a client: its columns are the fields of a record. One that is NULL is
 * absent, but must be known, too. */
#ifndef ROW_H
#define ROW_H

#include <libpq-fe.h>

#include "../common/store/record.h"

enum { ROW_WRONG_MAX = 200 };

/* Reads the first row into *record, which the caller wipes. `wrong` gets what is wrong, which
 * contains at most the name of a column; or "". [any] */
void row_read(const PGresult *result, const spore_host *host, struct record *record,
              char wrong[ROW_WRONG_MAX]);

#endif
