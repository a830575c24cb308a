/* ledger - how much of each counter has been sent. One thread at a time. */
#ifndef LEDGER_H
#define LEDGER_H

#include "line.h"

struct ledger;

/* NULL: out of memory. */
struct ledger *ledger_new(void);
/* NULL is fine. */
void ledger_free(struct ledger *ledger);
/* What has been sent of this one, to be written by the caller: 0 at first, and his until ledger_free.
 * NULL: out of memory. */
double *ledger_entry(struct ledger *ledger, const struct line_name *name);

#endif
