/* twins - what two instances have in common by mistake: a secret of two auth instances of a server,
 * so that a client of one may pass for a client of the other; a file to which two instances append,
 * or an instance and the log. Only secrets of the configuration count, not those of a plugin's
 * files. */
#ifndef CORE_TWINS_H
#define CORE_TWINS_H

#include <stdbool.h>

struct config;
struct diag;
struct plugin_set;

/* Adds each of them to set->doubts. [control] */
void twins_find(struct plugin_set *set);

/* Reports each file to which an instance would append although the configuration consists of it or
 * reads it, such as a file of secrets; and server.usage_file if it is such a file or a log, or, at
 * a start or a check (!is_running), if the server could not use it. set: with the instances of the
 * configuration; NULL: they could not be made. [control] */
void twins_refuse(const struct config *config, const struct plugin_set *set, bool is_running,
                  struct diag *diag);

#endif
