/* admin_status - the answer to `status`: an overview of the running server. [main] */
#ifndef CORE_ADMIN_STATUS_H
#define CORE_ADMIN_STATUS_H

#include "json/jsonout.h"

struct admin_query;

void admin_status_write(const struct admin_query *query, struct jsonout *json);

#endif
