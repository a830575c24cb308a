/* ports - a public port for a tunnel: the wanted one, or any. [worker] */
#ifndef CORE_PORTS_H
#define CORE_PORTS_H

#include "config/settings.h"
#include "host/grant.h"
#include "wire/refusal.h"

/* May a tunnel with this grant (or NULL) ask for this port? */
bool ports_allow(const struct server_settings *settings, const struct grant *grant,
                 uint16_t wanted);

/* A listening socket on the tunnels' address. wanted 0: any of the range (of those the grant names,
 * if it does). Returns the descriptor, or -1 and *why_out. */
int ports_open(const struct server_settings *settings, const struct grant *grant, uint16_t wanted,
               enum refusal *why_out);

#endif
