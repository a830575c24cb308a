/* http1 - the head of a request of HTTP/1 (RFC 9112). It is read strictly, so that the service and
 * everything in front of it read the same. */
#ifndef ROUTE_HTTP_HTTP1_H
#define ROUTE_HTTP_HTTP1_H

#include "head.h"

/* *out is empty. */
enum head_result http1_read(const uint8_t *data, size_t n, struct head *out);

#endif
