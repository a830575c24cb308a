/* http - an HTTP server for a few short answers, on the worker's loop. [worker]
 *
 * One connection, one answer, and never long: each ends at its deadline, whatever it has sent by
 * then. Past a bound, of one source or in all, the oldest goes: so whoever sends slowly, or
 * nothing, gives way to a scrape, also if both come from one address. */
#ifndef METRICS_PROMETHEUS_HTTP_H
#define METRICS_PROMETHEUS_HTTP_H

#include <spore/host.h>

struct http;

/* What a GET of a path gets. */
struct http_answer {
	unsigned status;
	const char *type; /* lives as long as the plugin */
	char *body;       /* owned by whoever holds the answer; malloc'ed */
	size_t len;
};
/* An answer of plain text. */
struct http_answer http_say(unsigned status, const char *text);

/* accept: the header's value, or NULL. Status 0: there is no such path. */
typedef struct http_answer (*http_fn)(void *arg, const char *path, const char *accept);

/* fd: a listening socket, borrowed; it outlives the server. NULL: out of memory or descriptors. */
struct http *http_start(const spore_host *host, spore_worker *worker, int fd, http_fn answer,
                        void *arg);
/* Ends all connections. NULL is fine. */
void http_stop(struct http *http);

#endif
