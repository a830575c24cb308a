/* desk - answers the host's questions about clients by what a store says of their names.
 *
 *   verify ──▶ evidence ──▶ sessions (data connections) ──▶ ALLOW
 *                    └────▶ roll (no name) ───────────────▶ ALLOW
 *                    └────▶ question ──▶ look_up ──▶ record ──▶ hash? ──▶ ALLOW
 *
 *   the store has changed a name ──▶ changes ──▶ look_up ──▶ auth_revalidate
 *
 * A control connection costs one look-up, a data connection none. This code is compiled into each
 * plugin that uses it. */
#ifndef COMMON_DESK_H
#define COMMON_DESK_H

#include "keeper.h"

/* As the functions of spore_auth_ops, with SPORE_AUTHF_RENEWS_BY_SESSION. [worker] */
int32_t desk_verify(struct keeper_worker *worker, const spore_auth_request *rq,
                    spore_ticket ticket);
void desk_cancel(struct keeper_worker *worker, spore_ticket ticket);
void desk_session_end(struct keeper_worker *worker, const spore_session_end *end);
int32_t desk_recheck(struct keeper_worker *worker, const spore_auth_request *rq,
                     spore_ticket ticket, const spore_held *held);

#endif
