/* control - a connection to the control port, from accept until it is a tunnel's control connection,
 * or a data connection in a relay, or refused.
 *
 *   OPENING ─▶ ANSWER ─▶ HELD ─▶ JUDGING ─▶ READY ─▶ TUNNEL
 *      │    (Challenge  (Authen-  (verdict   │  ╲
 *      │     sent)       ticate)   awaited)  │   ─▶ handed to a relay (Accept)
 *      └──────────── without auth ───────────┘
 *
 * In READY a Hello may wait for a port that the same principal holds (takeover). In HELD the next frame
 * is awaited, since it says whose verdict is asked: an Accept is judged by the instance that allowed its
 * tunnel, anything else by the chain. [worker] */
#ifndef CORE_CONTROL_H
#define CORE_CONTROL_H

#include "server/worker.h"

/* Takes the accepted fd. */
void control_start(struct worker *worker, int fd, const spore_addr *peer, const spore_addr *local);
void control_end_all(struct list *sessions);
/* The listening socket of this principal's tunnel at the port, if its client has fallen silent: then
 * the connection ends. Else -1. */
int control_yield_port(struct list *sessions, const struct instance *by, uint64_t session,
                       uint16_t port);
/* Asks the worker's new chain about each tunnel's client: who is refused, ends. */
void control_judge_anew(struct list *sessions);
/* Ends or renews the tunnels that `by` allowed to this identity. */
void control_revalidate(struct list *sessions, const struct instance *by, const char *identity,
                        int32_t verdict, const struct grant *grant);

/* The deadlines of the worker. */
void control_on_first_frame_late(struct deadline *deadline);
void control_on_next_frame_late(struct deadline *deadline);
void control_on_silence(struct deadline *deadline);

#endif
