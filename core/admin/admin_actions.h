/* admin_actions - the admin commands that change something: kick, reload, drain, hand-over and
 * log-level. Each function acts, then writes the members of the answer. [main] */
#ifndef CORE_ADMIN_ACTIONS_H
#define CORE_ADMIN_ACTIONS_H

#include <stdbool.h>

#include "json/jsonout.h"

struct admin_query;

/* The workers have ended the tunnel or the visitor while they answered the survey; this sums up
 * what they ended. */
void admin_kick_write(const struct admin_query *query, struct jsonout *json);
void admin_reload_write(const struct admin_query *query, struct jsonout *json);
void admin_drain_write(const struct admin_query *query, struct jsonout *json);
/* Answers the next server on this machine, which asks again and again. Once this server drains and
 * has closed its control port, it ends its exporters. True: their ports are free, and the admin
 * socket must be closed as well. */
bool admin_hand_over_write(const struct admin_query *query, struct jsonout *json);
void admin_log_level_write(const struct admin_query *query, struct jsonout *json);

#endif
