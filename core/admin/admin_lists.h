/* admin_lists - members of the answers that list something: what the workers have told, and what
 * main itself knows. [main] */
#ifndef CORE_ADMIN_LISTS_H
#define CORE_ADMIN_LISTS_H

#include <stddef.h>

#include "json/jsonout.h"

struct loop;
struct runtime;
struct survey;

/* By id, that is by age; at most so many, which is said then. */
void admin_tunnels_write(const struct survey *survey, unsigned n_workers, size_t most,
                         struct jsonout *json);
void admin_relays_write(const struct survey *survey, unsigned n_workers, size_t most,
                        struct jsonout *json);
void admin_loops_write(const struct survey *survey, unsigned n_workers,
                       const struct loop *main_loop, struct jsonout *json);
void admin_plugins_write(const struct runtime *runtime, struct jsonout *json);
/* Which workers did not answer in time: so what is shown may be less than what is there. */
void admin_silent_write(const struct survey *survey, unsigned n_workers, struct jsonout *json);

#endif
