/* key_mode - the service is asked for the key of a name, and this instance verifies the answers
 * of that name with it, for as long as the service says. */
#ifndef KEY_MODE_H
#define KEY_MODE_H

#include "http.h"

/* Implements spore_auth_ops.verify. [worker] */
int32_t key_mode_judge(struct http_worker *worker, const spore_auth_request *rq,
                       spore_ticket ticket);
/* Implements spore_auth_ops.cancel. [worker] */
void key_mode_cancel(struct http_worker *worker, spore_ticket ticket);

#endif
