/* rollout - gives the workers of a server another set, with the sockets that it needs. [main] */
#ifndef CORE_ROLLOUT_H
#define CORE_ROLLOUT_H

#include <stdbool.h>
#include <stdint.h>

struct err;
struct limits;
struct plugin_set;
struct survey;
struct workers;

/* Borrowed until rollout_start returns. */
struct rollout_spec {
	const struct workers *workers;
	const struct plugin_set *before; /* whose sockets are open */
	struct plugin_set *set;          /* each worker takes a reference */
	const struct limits *limits;     /* of the set */
	bool control_is_given;           /* the control port belongs to a service manager */
};

/* Opens the new sockets, then offers all to the workers, each of which takes its part in its next
 * turn; see server_renew for `taken`. NULL and *err: nothing has changed. */
struct survey *rollout_start(const struct rollout_spec *spec, int64_t wait_ms,
                             void (*taken)(struct survey *survey, void *arg), void *arg,
                             struct err *err);

#endif
