/* proxy_join - joins the two connections of a visitor in a relay, once both stand. Internal to
 * the files proxy_*.c. [worker] */
#ifndef CORE_CARRY_PROXY_JOIN_H
#define CORE_CARRY_PROXY_JOIN_H

#include <stdbool.h>

struct origin;
struct proxy;

/* After Carry or Open: the visitor's bytes are framed on proxy->server from here on. NULL: out of
 * memory. */
struct origin *proxy_join_frame(struct proxy *proxy);
/* Starts the relay once both connections stand. If the local service has failed, the visitor sees
 * an orderly end. True: the proxy has ended. */
bool proxy_join(struct proxy *proxy);

#endif
