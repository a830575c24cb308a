/* checker - asks a check plugin what to send to a service, and what its reply means. [worker] */
#ifndef CORE_CHECKER_H
#define CORE_CHECKER_H

#include <spore/check.h>

#include "chain/plugin_set.h"

enum checker_verdict { CHECKER_UP, CHECKER_DOWN, CHECKER_MORE };

/* The instance of this name in the section "checks"; borrowed from the set. NULL: there is none. */
const struct instance *checker_find(const struct plugin_set *set, const char *name);
/* Writes the request, and returns its length, at most SPORE_CHECK_REQUEST_MAX bytes. */
size_t checker_request(const struct instance *checker, const struct loop *loop,
                       const spore_check_target *target, char out[SPORE_CHECK_REQUEST_MAX]);
/* reply->struct_size need not be set. why_out: valid UTF-8; "" unless the service is down. */
enum checker_verdict checker_judge(const struct instance *checker, const struct loop *loop,
                                   const spore_check_target *target, const spore_check_reply *reply,
                                   char why_out[SPORE_CHECK_WHY_SIZE]);

#endif
