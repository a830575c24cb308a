/* http - an HTTP server for a few short answers, on the worker's loop. [worker]
 *
 * Answers one request per connection, and closes every connection at its deadline. See visits for
 * the limits. */
#ifndef METRICS_PROMETHEUS_HTTP_H
#define METRICS_PROMETHEUS_HTTP_H

#include <spore/host.h>

struct http;

/* The answer to a GET. */
struct http_answer {
	unsigned status;
	const char *type; /* static */
	char *body;       /* owned by the holder of the answer; from malloc */
	size_t len;
};
/* Returns an answer of plain text. */
struct http_answer http_say(unsigned status, const char *text);

/* `accept` is the value of the header, or NULL. Status 0: the path does not exist. */
typedef struct http_answer (*http_fn)(void *arg, const char *path, const char *accept);

/* `fd` is a listening socket, borrowed, that outlives the server. NULL: out of memory or
 * descriptors. */
struct http *http_start(const spore_host *host, spore_worker *worker, int fd, http_fn answer,
                        void *arg);
/* Closes all connections. Accepts NULL. */
void http_stop(struct http *http);

#endif
