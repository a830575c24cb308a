/* dial - opens a socket to a place within a given time. libldap would look up names under a lock
 * that all its threads share. */
#ifndef AUTH_LDAP_DIAL_H
#define AUTH_LDAP_DIAL_H

#include "../fault.h"
#include "place.h"

/* Tries each address of the place until deadline_ms, on CLOCK_MONOTONIC. The name service may take
 * longer. Later, each read or write of the socket blocks for at most wait_ms. Returns the
 * descriptor, or -1 and the fault. [blocking] */
int dial(const struct place *place, int64_t deadline_ms, int64_t wait_ms, struct fault *fault);

/* Milliseconds on CLOCK_MONOTONIC. [any] */
int64_t dial_now_ms(void);

#endif
