/* ports - several local ports on one command line: "80 443 8000-8003". Each becomes a tunnel. */
#ifndef CORE_EXPAND_PORTS_H
#define CORE_EXPAND_PORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct diag;
struct json;
struct json_doc;

struct port_span {
	uint16_t lo, hi; /* both included */
};

enum { PORT_SPANS_MAX = 64, PORT_SPANS_PORTS_MAX = 1024 };

/* Reads "80" or "8000-8003". False: neither, or not in the order of 1 to 65535. [any] */
bool port_span_read(const char *text, struct port_span *span_out);
/* The number of ports in n spans. [any] */
size_t port_spans_count(const struct port_span *spans, size_t n);
/* A port that two of the n spans have; 0: none. [any] */
uint16_t port_spans_twice(const struct port_span *spans, size_t n);
/* The array `tunnels` has one tunnel, for the first port. Adds a tunnel with the same host and
 * header for each of the other ports. Reports a mistake if the first tunnel has a value that only
 * one tunnel can have, such as a public port. [main] */
void port_spans_expand(struct json_doc *doc, struct json *tunnels, const struct port_span *spans,
                       size_t n, struct diag *diag);

#endif
