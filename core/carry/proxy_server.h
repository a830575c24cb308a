/* proxy_server - the connection of a visitor to the server: one that was opened ahead, or one that
 * is dialled. Internal to the files proxy_*.c. [worker] */
#ifndef CORE_CARRY_PROXY_SERVER_H
#define CORE_CARRY_PROXY_SERVER_H

#include <stdbool.h>

struct deadline;
struct proxy;

/* If a connection opened ahead does not answer Accept for this long, it may be dead: the client
 * dials another one beside it. Whichever the server accepts is used. */
enum { PROXY_SERVER_SLOW_MS = 250 };
/* For the worker's list of slow answers. */
void proxy_server_on_slow(struct deadline *deadline);

/* Begins to connect. Never ends the proxy from within. */
void proxy_server_connect(struct proxy *proxy);
/* The server still holds the visitor, since neither Accept nor Claim was sent. */
bool proxy_server_is_untouched(const struct proxy *proxy);

#endif
