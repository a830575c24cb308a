/* visits - the open connections of the HTTP server, and which of them have to go. [worker]
 *
 * A connection is closed at its deadline, even if its peer still sends. If one source or all
 * together exceed a limit, the oldest connection is closed. So peers that send slowly or nothing
 * make room for a scrape, even if it comes from the same address. */
#ifndef METRICS_PROMETHEUS_VISITS_H
#define METRICS_PROMETHEUS_VISITS_H

#include <spore/base.h>

struct sockaddr;

/* The limits are low: these descriptors come out of the few that the host keeps in reserve. */
enum { VISITS_MAX_OF_SOURCE = 8, VISITS_MAX = 24 };
/* Prometheus waits this long by default. */
enum { VISITS_DEADLINE_MS = 10000 };

/* One connection. Its descriptor belongs to libmicrohttpd. */
struct visit {
	struct visit *older, *newer;
	int fd;
	uint8_t source[16];
	int64_t deadline_ms;
	int sent_away; /* shut down; libmicrohttpd will notice and close it */
};

/* A zeroed struct is empty. */
struct visits {
	struct visit *oldest, *newest;
};

/* Adds a connection; if that exceeds a limit, shuts the oldest one down. NULL: out of memory. */
struct visit *visits_add(struct visits *visits, int fd, const struct sockaddr *peer,
                         int64_t now_ms);
/* The connection has ended; frees the visit. */
void visits_remove(struct visits *visits, struct visit *visit);
/* Shuts down the connections whose deadline has passed. */
void visits_expire(struct visits *visits, int64_t now_ms);

#endif
