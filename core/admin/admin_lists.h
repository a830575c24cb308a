/* admin_lists - the answers that list something: tunnels, relays and loops as the workers reported
 * them, and plugins, which main knows itself. [main] */
#ifndef CORE_ADMIN_LISTS_H
#define CORE_ADMIN_LISTS_H

#include "json/jsonout.h"

struct admin_query;
struct survey;

/* Tunnels and relays are listed up to this many; the member "all" counts all of them. */
enum { ADMIN_MAX_ROWS = 10000 };

/* Ordered by id, the oldest first. */
void admin_tunnels_write(const struct admin_query *query, struct jsonout *json);
void admin_relays_write(const struct admin_query *query, struct jsonout *json);
void admin_loops_write(const struct admin_query *query, struct jsonout *json);
void admin_plugins_write(const struct admin_query *query, struct jsonout *json);
/* Writes the member "silent_workers": the workers that did not answer in time. What they hold is
 * missing in the answer. */
void admin_silent_write(const struct survey *survey, unsigned n_workers, struct jsonout *json);

#endif
