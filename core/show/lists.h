/* lists - prints answers that are lists: tunnels, relays, loops, bans, plugins. */
#ifndef CORE_SHOW_LISTS_H
#define CORE_SHOW_LISTS_H

#include <stdbool.h>
#include <stdio.h>

struct json;

/* Is it the answer of a client? Otherwise it is that of a server. */
bool lists_are_of_client(const struct json *answer);

/* Each prints one answer. False: out of memory. */
bool lists_print_tunnels(const struct json *answer, FILE *out);
bool lists_print_relays(const struct json *answer, FILE *out);
bool lists_print_loops(const struct json *answer, FILE *out);
bool lists_print_bans(const struct json *answer, FILE *out);
bool lists_print_plugins(const struct json *answer, FILE *out);
/* The tunnels in the status of a client. */
bool lists_print_status_tunnels(const struct json *status, FILE *out);

#endif
