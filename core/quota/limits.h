/* limits - the limits of the server: what the configuration says, and what follows from the number
 * of descriptors.
 *
 * Main computes this object once for each configuration. Each worker holds a copy beside its plugin
 * set, and replaces both at a reload. A function that decides takes the calling worker's limits as
 * an argument. Tables that all workers share hold only counts, so nothing needs an update when
 * limits change. Lower layers (relay, linger) borrow a pointer into the worker's copy.
 *
 * core/CONTRIBUTING.md has the recipe for a new limit. */
#ifndef CORE_QUOTA_LIMITS_H
#define CORE_QUOTA_LIMITS_H

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "config/settings.h"
#include "wire/refusal.h"

struct limits {
	struct limit_settings settings; /* borrows the lists of the configuration */
	unsigned places;     /* tunnels and visitors together; each needs two descriptors */
	unsigned strangers;  /* unauthenticated connections, in all */
	unsigned handshakes; /* visitors whose transports open, in all; one proxy: half */
	unsigned ahead;      /* waiting connections opened ahead, in all; one source: half */
	int scarce_fd;       /* a stranger with this descriptor or a higher one replaces another */
	unsigned lingerers;  /* refused connections that still get the reason; of each worker */
	unsigned pipes;      /* of each worker */
};

/* descriptors: the most that the process may have. The result borrows the lists of the settings.
 * [any] */
struct limits limits_make(const struct limit_settings *settings, unsigned descriptors,
                          unsigned n_workers);

/* How many descriptors a server needs for one tunnel and for as many visitors and unauthenticated
 * connections as the settings allow. If they do not limit visitors, 256 are assumed. The result may
 * be a little larger than needed. [any] */
unsigned limits_need(const struct limit_settings *settings);

/* How many tunnels the descriptors allow. A quarter of the places is kept for visitors. [any] */
unsigned limits_most_tunnels(const struct limits *limits);

/* Why something is refused, and the limit that refuses it. */
struct limit_hit {
	enum refusal why;
	int64_t most;   /* a number, or milliseconds (is_time); negative: none */
	char range[64]; /* of ports, in place of a number; "": none */
	/* The host name that is refused, and the identity that has it, for the log; "": none. A
	 * client is not told the identity. */
	char host[256], holder[256];
	const char *from;   /* what sets it: an option, or "descriptors"; NULL: no limit refuses */
	const char *plugin; /* the instance whose policy sets it; NULL: no policy does */
	bool is_time;
};

/* The limit of one source for which it is refused with this reason. [any] */
struct limit_hit limits_of_source(const struct limits *limits, enum refusal why);
/* The limit on visitors in a handshake that follows from the one in all. most: `handshakes`, or
 * what one proxy may have of them. [any] */
struct limit_hit limits_of_handshakes(const struct limits *limits, unsigned most);

/* How many connections of one proxy may wait for the address of their client: half of all
 * unauthenticated ones. [any] */
unsigned limits_of_proxy(const struct limits *limits);

/* The number that a setting allows, where 0 means "no limit". [any] */
static inline unsigned limit_of(int64_t setting)
{
	return setting ? (unsigned)setting : UINT_MAX;
}

/* Counts one more, unless the count has reached `most`. A refused caller is never counted, not even
 * for a moment, so it cannot take the place of another one. [any] */
static inline bool limit_take(atomic_uint *count, unsigned most)
{
	unsigned n = atomic_load(count);

	do {
		if (n >= most)
			return false;
	} while (!atomic_compare_exchange_weak(count, &n, n + 1));
	return true;
}

/* Counts one less. False: the count was 0, and still is. [any] */
static inline bool limit_give(atomic_uint *count)
{
	unsigned n = atomic_load(count);

	do {
		if (n == 0)
			return false;
	} while (!atomic_compare_exchange_weak(count, &n, n - 1));
	return true;
}

#endif
