/* verify_mode - the service verifies each answer. If its reply has the key, this instance
 * verifies the tunnel's data connections with it. */
#ifndef VERIFY_MODE_H
#define VERIFY_MODE_H

#include "http.h"

/* Implements spore_auth_ops.verify. [worker] */
int32_t verify_mode_judge(struct http_worker *worker, const spore_auth_request *rq,
                          spore_ticket ticket);
/* Implements spore_auth_ops.cancel. [worker] */
void verify_mode_cancel(struct http_worker *worker, spore_ticket ticket);

#endif
