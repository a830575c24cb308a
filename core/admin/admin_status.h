/* admin_status - the members of the answer to `status`: how the server fares, at a glance. [main]
 */
#ifndef CORE_ADMIN_STATUS_H
#define CORE_ADMIN_STATUS_H

#include "json/jsonout.h"

struct admin_host;
struct survey;

void admin_status_write(const struct admin_host *host, const struct survey *survey,
                        struct jsonout *json);

#endif
