/* ledger - the counts of the plugin auth_ledger, with which an instance begins. A unit test reads
 * them directly. */
#ifndef LEDGER_H
#define LEDGER_H

#include <stdatomic.h>

#include "probe.h"

enum { LEDGER_REASONS = 8 };

struct ledger_counts {
	PROBE_FIELDS;
	atomic_uint allows;             /* that the host has taken, for CONTROL or RENEW */
	atomic_uint renewals;           /* requests with the purpose RENEW */
	atomic_uint asked;              /* calls of verify() that have begun */
	atomic_uint stale;              /* ALLOWs that the host did not take */
	atomic_bool is_released;        /* set by a test: see the option "hold" */
	atomic_uint ends;               /* calls of session_end() that have been counted below */
	atomic_uint wrong;              /* ends without an ALLOW, at the wrong place, too late */
	atomic_uint by[LEDGER_REASONS]; /* ends, by SPORE_END_* */
};

#endif
