/* pulse - the heartbeats that a client sends on a tunnel's control connection. [worker] */
#ifndef CORE_PULSE_H
#define CORE_PULSE_H

#include <ev.h>
#include <stdbool.h>

struct link;
struct loop;

struct pulse {
	struct loop *loop; /* borrowed: outlives it */
	struct link *link; /* borrowed: open while the pulse runs */
	ev_timer timer;
};

void pulse_init(struct pulse *pulse, struct loop *loop, struct link *link);
/* Sends a Heartbeat every `every_s` seconds, and the first one within that time. random: at least
 * 0, less than 1; it spreads the tunnels of a client over the period. A second call starts anew. */
void pulse_start(struct pulse *pulse, double every_s, double random);
/* Sends one now. False: the pulse does not run. */
bool pulse_beat(struct pulse *pulse);
/* Idempotent. */
void pulse_stop(struct pulse *pulse);

#endif
