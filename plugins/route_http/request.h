/* request - the first request of an HTTP connection, of either version. Pure, except that HTTP/2
 * needs memory while a request is read. */
#ifndef ROUTE_HTTP_REQUEST_H
#define ROUTE_HTTP_REQUEST_H

#include "head.h"

/* data: the first n bytes of the connection. A result other than HEAD_MORE stays the same when more
 * bytes come. */
enum head_result request_read(const uint8_t *data, size_t n, struct head *out);

#endif
