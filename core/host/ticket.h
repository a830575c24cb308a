/* ticket - one asynchronous operation each: opened on a worker, completed from anywhere.
 *
 * A ticket is worker, slot and generation, never a pointer: completing one that is closed finds
 * another generation and does nothing. The result travels to the worker and is delivered there. */
#ifndef CORE_TICKET_H
#define CORE_TICKET_H

#include <spore/auth.h>

#include "host/grant.h"

struct loop;
struct ticket_table;

enum ticket_kind { TICKET_VERIFY = 1, TICKET_ANSWER, TICKET_HANDSHAKE };

struct ticket_result {
	int32_t status;                         /* a verdict (VERIFY) or a status */
	struct grant *grant;                    /* VERIFY with ALLOW: the callee's to free */
	char answer[SPORE_AUTH_ANSWER_MAX + 1]; /* ANSWER with SPORE_OK; NUL-ended */
	size_t answer_len;
};
/* At most once, [worker]. The ticket is closed when this runs. */
typedef void (*ticket_fn)(void *arg, struct ticket_result *result);

/* One for each worker, before any of it is used; n <= 1023. [main] */
bool ticket_tables_new(struct loop *const *loops, unsigned n);
/* After the loops have ended. [main] */
void ticket_tables_free(void);

/* 0: out of memory. [worker] */
spore_ticket ticket_open(struct loop *loop, enum ticket_kind kind, ticket_fn on_done, void *arg);
/* Does anybody still wait for it? [any] */
bool ticket_is_open(spore_ticket ticket);
/* Forgets it: on_done will not run. A closed one is harmless. [worker] */
void ticket_close(spore_ticket ticket);
/* SPORE_OK, or SPORE_ESTALE, SPORE_EINVAL (another kind), SPORE_ENOMEM. Takes result->grant
 * always. [any] */
spore_status ticket_complete(spore_ticket ticket, enum ticket_kind kind,
                             const struct ticket_result *result);

#endif
