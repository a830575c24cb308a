/* host - the host's side of the SDK: the table of functions that plugins may call.
 *
 * Some functions of the table have no context argument (time, completion) and use the services of
 * the process. So there is one host per process: call host_init before the first instance is made,
 * and host_fini after the last one is gone. */
#ifndef CORE_HOST_H
#define CORE_HOST_H

#include <spore/auth.h>
#include <spore/host.h>
#include <stdbool.h>

#include "host/grant.h"
#include "net/conn.h"
#include "services/backing.h"

bool host_init(const struct host_services *services);
void host_fini(void);
/* Valid for the whole life of the process. */
const spore_host *host_table(void);
struct metrics *host_metrics(void);
struct resolver *host_resolver(void);
/* Implements spore_host.get_extension. */
const void *host_get_extension(const char *id);

#endif
