/* cost - how long a hash of a password takes on this machine. */
#ifndef AUTH_HTPASSWD_COST_H
#define AUTH_HTPASSWD_COST_H

#include <stdint.h>

/* How long a hash of one class takes depends only on its work. */
enum cost_class { COST_BCRYPT, COST_SHA512, COST_YESCRYPT, COST_YESCRYPT_SMALL, COST_CLASSES };

struct cost {
	enum cost_class class;
	double work; /* in a unit of the class */
};

/* The hash must be one that hash_fault accepts. [any] */
struct cost cost_of(const char *hash);
/* Computes a cheap hash of the same class, and estimates from it how many milliseconds of a
 * processor this hash takes. 0: a cheap one cannot be computed. [main] */
int64_t cost_measure_ms(const char *hash);

#endif
