/* revalidation - carries a plugin's changed verdict about an identity to the workers. */
#ifndef CORE_REVALIDATION_H
#define CORE_REVALIDATION_H

struct revision;
struct server_worker;

/* Soon tells the worker's sessions, with a copy of the revision. [any] */
void revalidation_post(struct server_worker *worker, const struct revision *revision);

#endif
