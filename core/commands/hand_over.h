/* hand_over - at the start of a server: if another server on this machine drains, waits until that
 * server has given up what both need: the control port, the exporters' ports, the admin socket.
 *
 *   next ─"hand-over"─▶ admin socket of the one that drains ─▶ { "handed_over": false }   and again
 *
 * Only the admin socket can tell that a server of the same owner drains, so without one nothing is
 * handed over. [main] */
#ifndef CORE_HAND_OVER_H
#define CORE_HAND_OVER_H

#include <stdbool.h>

#include "base/err.h"

struct admin_settings;

/* Returns at once if no server listens at the configured admin socket. Otherwise waits until the
 * server has handed over or has ended, which it does within its drain_timeout. False and *err: it
 * does not drain. Call this while TERM and INT still end the process. */
bool hand_over_await(const struct admin_settings *settings, struct err *err);

#endif
