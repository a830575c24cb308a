/* auth_job - asks an auth instance that blocks: on a thread of its pool, with copies of all that
 * the question points to. [worker] */
#ifndef CORE_AUTH_JOB_H
#define CORE_AUTH_JOB_H

#include <spore/auth.h>

#include "verdict/allowance.h"
#include "verdict/auth_request.h"

/* Does the instance block? Then it must not be asked on a worker. */
bool auth_job_is_needed(const struct instance *instance);
/* Asks for a verdict, or a client's answer. Returns SPORE_EPENDING, and the ticket is completed; or
 * SPORE_EBUSY or SPORE_ENOMEM, and nobody is asked. allowance: NULL, or held until verify() has
 * returned. */
spore_status auth_job_verify(struct instance *instance, const struct auth_question *question,
                             spore_ticket ticket, struct allowance *allowance);
spore_status auth_job_answer(struct instance *instance, const struct auth_question *question,
                             spore_ticket ticket);

#endif
