/* ports - checks whether this server has the public ports that a policy grants. This code is
 * compiled into each plugin that uses it. */
#ifndef COMMON_PORTS_H
#define COMMON_PORTS_H

#include <spore/plugin.h>

/* Checks the ports that a policy grants. An empty list grants all ports of the server. Returns
 * NULL, or the reason why no client could use the ports. Logs a warning if the server has fewer
 * than half of the granted ports, unless these include all ports of the server. where: the place of
 * the policy, for the warning. *lines: the number of warnings so far; each instance has a limit.
 * [main] */
const char *ports_check(const spore_create_args *args, const spore_list *ports, const char *where,
                        unsigned *lines);

#endif
