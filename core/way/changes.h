/* changes - tells the owner that the way to a server may have changed: addresses, routes or
 * interfaces of this machine, or a time in which the process stood still. [worker]
 *
 *   kernel ── rtnetlink ──▶ route_news ─┐
 *                                       ├─▶ gathered, rationed ──▶ on_change
 *   timer of CLOCK_BOOTTIME ▶ standstill┘
 *
 * Messages that come together are one change. A storm of messages leads to a few changes at once,
 * and then to one every five seconds. Where the system allows no netlink socket, the log says so
 * once, and only standstills are noticed. */
#ifndef CORE_WAY_CHANGES_H
#define CORE_WAY_CHANGES_H

#include <ev.h>
#include <stdbool.h>

#include "way/ration.h"
#include "way/standstill.h"

struct loop;

struct changes {
	struct loop *loop; /* borrowed: outlives it */
	void (*on_change)(void *arg);
	void *arg;
	ev_io routes, clock;
	ev_timer gather; /* runs while a change is to be told */
	struct standstill standstill;
	struct ration ration;
};

void changes_start(struct changes *changes, struct loop *loop, void (*on_change)(void *arg),
                   void *arg);
/* After changes_start. Idempotent. */
void changes_stop(struct changes *changes);

#endif
