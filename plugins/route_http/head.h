/* head - what a route needs of the first request of an HTTP connection: the host and the path.
 * Pure. */
#ifndef ROUTE_HTTP_HEAD_H
#define ROUTE_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HEAD_HOST_SIZE = 256, HEAD_PATH_SIZE = 1024 };

enum head_result {
	HEAD_MORE,  /* `need` says how many bytes there must be */
	HEAD_DONE,  /* host and path are set, as far as the request has them */
	HEAD_OTHER, /* this is not HTTP */
	HEAD_WRONG  /* `why` says what is wrong */
};

struct head {
	bool is_http2;
	size_t need; /* more than there are */
	const char *why;
	/* In lower case, without a port; "": the request names none. HEAD_MORE: that of the part of
	 * the request that has been read, if it has one. */
	char host[HEAD_HOST_SIZE];
	char path[HEAD_PATH_SIZE]; /* begins with '/', or empty; cut at the end of the field */
};

static inline enum head_result head_more(struct head *out, size_t need)
{
	out->need = need;
	return HEAD_MORE;
}

static inline enum head_result head_wrong(struct head *out, const char *why)
{
	out->why = why;
	return HEAD_WRONG;
}

/* Reads "HOST" or "HOST:PORT". Empty: there is no host. False: it is malformed. */
bool head_take_host(const uint8_t *text, size_t n, char host_out[HEAD_HOST_SIZE]);
/* Takes the path without its query. Another text than a path, such as "*": there is no path. */
void head_take_path(const uint8_t *text, size_t n, char path_out[HEAD_PATH_SIZE]);

#endif
