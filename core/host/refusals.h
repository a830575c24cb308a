/* refusals - counts what an access list denied, by the reasons that it gives.
 *
 * A reason is a text of the plugin, so there may be any number of them. Each instance has a series
 * for its first REFUSALS_MAX reasons, of which the empty one is the first, and one for all others.
 * A known reason is found without a lock. */
#ifndef CORE_REFUSALS_H
#define CORE_REFUSALS_H

#include <pthread.h>
#include <spore/acl.h>
#include <stdatomic.h>
#include <stdint.h>

struct loop;
struct metrics;

enum { REFUSALS_MAX = 16 };

struct refusals {
	struct metrics *metrics; /* borrowed: outlives it */
	const char *at, *plugin; /* the labels' values; borrowed: they outlive it */
	pthread_mutex_t lock;    /* for adding a reason */
	atomic_uint n;           /* reasons that are complete; these never change again */
	struct {
		char text[SPORE_ACL_REASON_SIZE];
		uint32_t series;
	} reasons[REFUSALS_MAX];
	uint32_t others; /* the series of all other reasons */
};

/* A set without series. Before refusals_register, refusals_count does nothing. */
void refusals_init(struct refusals *refusals);
void refusals_fini(struct refusals *refusals);
/* point: SPORE_ACL_AT_*; plugin: the instance's name. [main] */
void refusals_register(struct refusals *refusals, struct metrics *metrics, uint32_t point,
                       const char *plugin);
/* A reason has less than SPORE_ACL_REASON_SIZE bytes. [worker] */
void refusals_count(struct refusals *refusals, const struct loop *loop, const char *reason);

#endif
