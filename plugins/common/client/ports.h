/* ports - what a grant of public ports is worth on this server. This code is compiled into each
 * plugin that uses it. */
#ifndef COMMON_PORTS_H
#define COMMON_PORTS_H

#include <spore/plugin.h>

/* Checks the ports that a policy grants; none: it grants those of the server. Returns why no client
 * could use them, or NULL. Logs a warning if the server lacks most of them, and they are not simply
 * all that it has. where: of the policy, for the warning. *lines counts the warnings of one
 * instance, which are limited. [main] */
const char *ports_check(const spore_create_args *args, const spore_list *ports, const char *where,
                        unsigned *lines);

#endif
