/* admin_ports - the public ports in the answers of `spore auth test`: those that a client may have,
 * and why it gets none. [main] */
#ifndef CORE_ADMIN_PORTS_H
#define CORE_ADMIN_PORTS_H

#include "verdict/trial.h"
#include "json/jsonout.h"

struct config;

/* Writes the member "ports": the public ports of the server that the policy allows. grant NULL: no
 * policy. */
void admin_ports_write(const struct grant *grant, const struct config *config,
                       struct jsonout *json);
/* Would the server refuse the tunnel of a client that the chain allows, even if nothing else were
 * open? Then writes the members "verdict", the name of the reason as in the metrics, and "status",
 * a text. False: writes nothing. */
bool admin_ports_refuse(const struct trial_report *report, const struct config *config,
                        struct jsonout *json);

#endif
