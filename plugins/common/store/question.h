/* question - a client about whom the store is asked: the look-up of its name, and the hash of its
 * password on a thread of the instance. */
#ifndef COMMON_QUESTION_H
#define COMMON_QUESTION_H

#include "keeper.h"

/* Looks up evidence->name and completes the ticket later. Returns SPORE_EPENDING, or a SPORE_E* and
 * nothing will follow. [worker] */
int32_t question_ask(struct keeper_worker *worker, const struct evidence *evidence,
                     spore_ticket ticket);
/* The same for the tunnel of a client that this instance has let in: its session, which is that of
 * the evidence, must be one of the record. [worker] */
int32_t question_renew(struct keeper_worker *worker, const struct evidence *evidence,
                       spore_ticket ticket);
/* The host needs no answer any more. [worker] */
void question_cancel(struct keeper_worker *worker, spore_ticket ticket);
/* Leaves the answer to the next instance, and tells the operator why, at a limited rate: anyone can
 * cause this. Returns SPORE_NEXT. [any] */
int32_t question_pass_on(struct keeper *keeper, const struct evidence *evidence, const char *why);

#endif
