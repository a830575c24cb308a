/* proxy_service - the connection of a visitor to the local service. Internal to the files
 * proxy_*.c. [worker] */
#ifndef CORE_CARRY_PROXY_SERVICE_H
#define CORE_CARRY_PROXY_SERVICE_H

#include <stdbool.h>

struct proxy;

/* Begins to connect. False: it failed at once, and the proxy has ended. */
bool proxy_service_dial(struct proxy *proxy);
/* After a visitor that has not reached the service, the next one must reach the service before the
 * client connects to the server for it. So the server can be told, even if a wrong name takes long
 * to resolve. */
bool proxy_service_is_first(const struct proxy *proxy);

#endif
