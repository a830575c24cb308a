/* health - whether the service of a tunnel can be reached, by checks that are repeated.
 *
 * A service counts as up until checks fail: `fall` of them in a row, or the first one if none has
 * succeeded yet. It is up again after `rise` successes in a row. [worker] */
#ifndef CORE_HEALTH_H
#define CORE_HEALTH_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

struct client_settings;
struct exam;
struct loop;
struct plugin_set;
struct resolver;
struct tunnel_settings;

enum { HEALTH_WHY_SIZE = 240 };

struct health {
	/* Set by the owner before health_init; borrowed. */
	struct loop *loop;
	struct resolver *resolver;
	struct plugin_set *const *set; /* where the present one is */
	/* The service is up, or down, or a check has failed while it is down. */
	void (*on_news)(struct health *health);

	/* Nobody else sets these. */
	const struct tunnel_settings
		*tunnel; /* borrowed; NULL before the start and after the stop */
	bool is_checked; /* the settings want checks */
	bool is_down;
	bool has_been_up;          /* a check has succeeded */
	int64_t rises, falls;      /* successes, and failures, in a row */
	int64_t since_ms;          /* by the loop: when it went up or down; or the start */
	int64_t failed_ms;         /* by the loop: the last failure; 0: none */
	char why[HEALTH_WHY_SIZE]; /* of the last failure */
	struct exam *exam;
	ev_timer pause;
};

void health_init(struct health *health);
/* Starts to check the service of the tunnel, if its settings want that. */
void health_start(struct health *health, const struct tunnel_settings *tunnel);
/* The tunnel has these settings now. If its checks or its service have changed, the checks start
 * anew. Until then the last result counts. */
void health_use(struct health *health, const struct tunnel_settings *tunnel);
/* Idempotent. */
void health_stop(struct health *health);
/* Is the public port to be closed? */
bool health_closes_port(const struct health *health);

#endif
