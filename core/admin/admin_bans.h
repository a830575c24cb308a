/* admin_bans - the admin commands about sources that are banned after wrong secrets: bans lists
 * them, unban lets one in again. [main] */
#ifndef CORE_ADMIN_BANS_H
#define CORE_ADMIN_BANS_H

#include "json/jsonout.h"

struct admin_query;

void admin_bans_write(const struct admin_query *query, struct jsonout *json);
/* The argument is an address, or a prefix as `bans` shows it. */
void admin_unban_write(const struct admin_query *query, struct jsonout *json);

#endif
