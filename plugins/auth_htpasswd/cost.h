/* cost - how long a hash of a password takes on this machine. */
#ifndef AUTH_HTPASSWD_COST_H
#define AUTH_HTPASSWD_COST_H

#include <stdint.h>

/* Hashes of one class differ in their work only. */
enum cost_class { COST_BCRYPT, COST_SHA512, COST_YESCRYPT, COST_YESCRYPT_SMALL, COST_CLASSES };

struct cost {
	enum cost_class class;
	double work; /* in a unit of the class */
};

/* The hash must be one that hash_fault accepts. [any] */
struct cost cost_of(const char *hash);
/* Estimates the time of a processor, in milliseconds, from that of a cheap hash of the class, which
 * it computes. 0: it cannot be computed. [main] */
int64_t cost_measure_ms(const char *hash);

#endif
