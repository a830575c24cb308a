/* post - sends a body to the web service and waits for the reply. [blocking] */
#ifndef EVENTS_HTTP_POST_H
#define EVENTS_HTTP_POST_H

#include <curl/curl.h>
#include <stdatomic.h>

#include "../common/remote/service.h"

enum post_result {
	POST_TAKEN,       /* 2xx */
	POST_REJECTED,    /* another status that a further try will not change */
	POST_BAD_STATUS,  /* 408, 429 or 5xx */
	POST_UNREACHABLE, /* no address, or no connection to it */
	POST_TIMEOUT,
	POST_UNTRUSTED, /* TLS failed, or the certificate is wrong */
	POST_BROKEN,    /* the connection ended, or what arrives is no HTTP */
	POST_RESULTS
};

/* One user at a time; it keeps its connection. */
struct poster {
	const struct service *service; /* borrowed */
	CURL *easy;                    /* owned */
	size_t n_received;
	char error[CURL_ERROR_SIZE];
};

/* False: out of memory. [main] */
bool poster_init(struct poster *poster, const struct service *service, int64_t connect_ms,
                 int64_t total_ms);
/* Accepts a zeroed struct. [main] */
void poster_fini(struct poster *poster);
/* Sends it once. *why_out: for the log; valid until the next call. */
enum post_result post_send(struct poster *poster, spore_str body, const char **why_out);
/* True: the same body may be sent again. */
bool post_may_repeat(enum post_result result);

#endif
