/* ledger - how much of each counter has been sent. An exporter shares it with the one that it
 * replaces, so a reload sends nothing twice. References are counted on main; entries belong to the
 * one worker that the exporters run on. */
#ifndef LEDGER_H
#define LEDGER_H

#include "line.h"

struct ledger;

/* Returns a ledger with one reference. NULL: out of memory. [main] */
struct ledger *ledger_new(void);
/* Adds a reference. [main] */
struct ledger *ledger_share(struct ledger *ledger);
/* Drops a reference; the last one frees the ledger. Accepts NULL. [main] */
void ledger_release(struct ledger *ledger);
/* Returns how much of this counter has been sent, at first 0. The caller updates the amount. The
 * pointer is valid until the ledger is freed. NULL: out of memory. [worker] */
double *ledger_entry(struct ledger *ledger, const struct line_name *name);

#endif
