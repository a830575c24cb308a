/* ticket - asynchronous operations: opened on a worker, completed from any thread.
 *
 * A ticket is a number made of worker, slot and generation, not a pointer. Completing a closed
 * ticket finds another generation and does nothing. The result is posted to the worker and
 * delivered there. */
#ifndef CORE_TICKET_H
#define CORE_TICKET_H

#include <spore/auth.h>
#include <stdatomic.h>

#include "host/grant.h"
#include "thread/ticks.h"

struct loop;
struct ticket_table;

enum ticket_kind { TICKET_VERIFY = 1, TICKET_ANSWER, TICKET_HANDSHAKE, TICKET_START };

struct ticket_result {
	int32_t status;                         /* a verdict (VERIFY) or a status */
	struct grant *grant;                    /* VERIFY with ALLOW: the callee frees it */
	char answer[SPORE_AUTH_ANSWER_MAX + 1]; /* ANSWER with SPORE_OK; NUL-ended */
	size_t answer_len;
	struct ticks_run made; /* VERIFY: revisions by the thread that completed it */
};
/* Runs at most once. The ticket is already closed. [worker] */
typedef void (*ticket_fn)(void *arg, struct ticket_result *result);

/* Makes one table for each worker, before tickets are used; n <= 1023. [main] */
bool ticket_tables_new(struct loop *const *loops, unsigned n);
/* After the loops have ended. [main] */
void ticket_tables_free(void);

/* 0: out of memory. [worker] */
spore_ticket ticket_open(struct loop *loop, enum ticket_kind kind, ticket_fn on_done, void *arg);
/* The operation still waits for its completion. [any] */
bool ticket_is_open(spore_ticket ticket);
/* Sets the flag once the operation has been completed, before its result is delivered. The flag
 * must outlive the ticket. [worker] */
void ticket_watch(spore_ticket ticket, atomic_bool *completed);
/* Cancels the operation: on_done will not run. Harmless for a closed ticket. [worker] */
void ticket_close(spore_ticket ticket);
/* Cancels the operation like ticket_close, unless it has been completed and its result is on the
 * way: then returns true, and this on_done gets the result. [worker] */
bool ticket_redirect(spore_ticket ticket, ticket_fn on_done, void *arg);
/* SPORE_OK, SPORE_ESTALE (closed or already completed), SPORE_EINVAL (a ticket of another kind) or
 * SPORE_ENOMEM. Always takes result->grant. [any] */
spore_status ticket_complete(spore_ticket ticket, enum ticket_kind kind,
                             const struct ticket_result *result);

#endif
