/* revalidation - carries a plugin's changed verdict about an identity to the workers. */
#ifndef CORE_REVALIDATION_H
#define CORE_REVALIDATION_H

#include <spore/base.h>

struct grant;
struct instance;
struct server_worker;

/* Ends or renews, soon, the worker's tunnels that the instance allowed to this identity. The grant
 * is copied; NULL with SPORE_DENY. The instance is compared, never dereferenced. [any] */
void revalidation_post(struct server_worker *worker, const struct instance *instance,
                       spore_str identity, int32_t verdict, const struct grant *grant);

#endif
