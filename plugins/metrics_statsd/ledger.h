/* ledger - how much of each counter has been sent, by this exporter and by those that it replaced:
 * a reload sends nothing twice. References are counted on main; entries are for the exporters' one
 * worker. */
#ifndef LEDGER_H
#define LEDGER_H

#include "line.h"

struct ledger;

/* With one reference. NULL: out of memory. [main] */
struct ledger *ledger_new(void);
/* One reference more. [main] */
struct ledger *ledger_share(struct ledger *ledger);
/* One less; the last one frees it. NULL is fine. [main] */
void ledger_release(struct ledger *ledger);
/* What has been sent of this one, to be written by the caller: 0 at first, and his until the
 * ledger is freed. NULL: out of memory. [worker] */
double *ledger_entry(struct ledger *ledger, const struct line_name *name);

#endif
