/* desk - answers the host's questions about clients by what a store says of their names. The arrows
 * lead through the modules of this folder; look_up() is the plugin's.
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

/* The functions of a plugin's component. Its instance begins with a struct keeper, and its state of
 * a worker with a struct keeper_worker. */
extern const spore_auth_ops desk_ops;

#endif
