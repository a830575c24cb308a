/* question - asks the store about one client: looks up its name and, for a password, computes the
 * hash on a thread of the instance. */
#ifndef COMMON_QUESTION_H
#define COMMON_QUESTION_H

#include "keeper.h"

/* Looks up evidence->name. Returns SPORE_EPENDING if the ticket will be completed later, or a
 * SPORE_E* if nothing will follow. [worker] */
int32_t question_ask(struct keeper_worker *worker, const struct evidence *evidence,
                     spore_ticket ticket);
/* The same for a tunnel that this instance has allowed. Its session, evidence->session, must be one
 * that the record still gives. [worker] */
int32_t question_renew(struct keeper_worker *worker, const struct evidence *evidence,
                       spore_ticket ticket);
/* The host needs no answer any more. [worker] */
void question_cancel(struct keeper_worker *worker, spore_ticket ticket);
/* Leaves the answer to the next instance, and logs why. Anyone can cause this, so the rate of the
 * lines is limited. Returns SPORE_NEXT. [any] */
int32_t question_pass_on(struct keeper *keeper, const struct evidence *evidence, const char *why);

#endif
