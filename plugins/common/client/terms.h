/* terms - the limits of one client, as a back-end or a file states them: read from texts or from
 * JSON values into a policy that has its own memory.
 *
 *   ports        "20000-20099,20500": public ports that it may use; "": none
 *   max_tunnels  a whole number
 *   max_conns    a whole number
 *   share        "yes" or "no": may its tunnels share a public port
 *   life         "90s", "500ms", "1.5m", "2h" or "1d", or a number of seconds
 *   rate_up, rate_down              bytes per second: a whole number, perhaps with k, m or g
 *   bytes_per_day, bytes_per_month  bytes: a whole number, perhaps with k, m or g
 *   visitors_per_second             a whole number
 *
 * What is not stated is not limited. A limit that is not understood is an error, because ignoring
 * it could allow too much. This code is compiled into each plugin that uses it. */
#ifndef COMMON_TERMS_H
#define COMMON_TERMS_H

#include <spore/auth.h>
#include <stdbool.h>

#include "policy.h"

enum { TERMS_PORTS_MAX = 64 };

/* Zeroed: no limit. It may be copied. */
struct terms {
	struct policy policy; /* without its ports */
	bool is_positive;     /* limits of "" and 0 are refused, as in the option "policy" */
	uint32_t n_ports;
	spore_port_range ports[TERMS_PORTS_MAX];
};

/* Sets one limit. Returns NULL, or what is wrong: a text such as "expected a whole number from 0 to
 * 1000000", which is permanent and contains nothing of the arguments. [any] */
const char *terms_set(struct terms *terms, const char *name, const char *text);
/* The same for a JSON value: a text or a number. [any] */
const char *terms_set_value(struct terms *terms, const char *name, const spore_host *host,
                            const spore_cfg *value);
/* Sets all limits of a JSON object. True: *terms is complete. False: `error` gets a NUL-terminated
 * text such as "/ports: expected ...". The member's name is all that it contains of the object.
 * [any] */
bool terms_read(struct terms *terms, const spore_host *host, const spore_cfg *object, char *error,
                size_t error_size);
/* All limits, with the ports. The policy points into the terms. [any] */
struct policy terms_policy(const struct terms *terms);

#endif
