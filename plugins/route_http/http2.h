/* http2 - the first request of a connection that speaks HTTP/2 from its first byte (RFC 9113 3.3,
 * "prior knowledge"). libnghttp2 reads the compressed fields. */
#ifndef ROUTE_HTTP_HTTP2_H
#define ROUTE_HTTP_HTTP2_H

#include "head.h"

#define HTTP2_PREFACE      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define HTTP2_PREFACE_SIZE (sizeof HTTP2_PREFACE - 1)

/* The data begins with the preface. *out is empty. */
enum head_result http2_read(const uint8_t *data, size_t n, struct head *out);

#endif
