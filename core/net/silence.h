/* silence - tells a TCP peer that is gone from one that is far away, by what the kernel knows about
 * the connection. [any]
 *
 * The kernel repeats what is not acknowledged, and doubles its wait each time. So the current wait
 * and the number of repetitions tell when the oldest of these bytes was sent, although the kernel
 * does not report that time. */
#ifndef CORE_SILENCE_H
#define CORE_SILENCE_H

#include <stdbool.h>
#include <stdint.h>

struct tcp_info;

/* Bytes were sent at least SILENCE_LEAST_MS and SILENCE_RTTS round trips ago, were repeated
 * SILENCE_REPEATS times, and nothing has come from the peer since. On a path that loses 3 % in each
 * direction, this happens to a live peer less than once in 100,000 times. */
enum { SILENCE_LEAST_MS = 2000, SILENCE_RTTS = 12, SILENCE_REPEATS = 3 };

/* Is the peer of this socket silent in that sense? False if all data is acknowledged. */
bool silence_is_proven(int fd);
/* The same question about a report of the kernel (TCP_INFO). Pure. */
bool silence_follows_from(const struct tcp_info *info);
/* How much later than expected a message of this peer may come: SILENCE_RTTS round trips, but no
 * less than least_ms. */
int64_t silence_patience_ms(int fd, int64_t least_ms);

#endif
