/* resolve - resolves names without blocking a loop.
 *
 * getaddrinfo runs on a pool of threads. Answers are kept for a few seconds, because a client asks
 * for the same two names with every visitor. A numeric address needs no thread. */
#ifndef CORE_RESOLVE_H
#define CORE_RESOLVE_H

#include <spore/base.h>
#include <stdbool.h>
#include <stdint.h>

#define RESOLVE_MAX 16

struct loop;
struct resolver;
struct resolve;

/* Success: n >= 1 addresses, each with the port that was asked for. Failure: n is 0, and why tells
 * the cause. Runs on the loop that asked. */
typedef void (*resolve_fn)(void *arg, const spore_addr *addrs, size_t n, const char *why);

/* NULL: out of memory. [main] */
struct resolver *resolver_new(void);
/* The loops have ended. False: a look-up hangs, and the resolver is leaked. NULL is fine. [main] */
bool resolver_free(struct resolver *resolver);

/* Looks the name up in the background, so that resolver_known has the answer later. [any] */
void resolver_refresh(struct resolver *resolver, const char *name);
/* The number of addresses if they are known, else 0. An old answer is returned while a look-up
 * renews it. [worker] */
size_t resolver_known(struct resolver *resolver, const char *name, uint16_t port,
                      spore_addr addrs_out[RESOLVE_MAX]);
/* Starts a look-up; on_done runs once, later. The handle is valid until on_done or resolve_stop.
 * NULL: too many look-ups wait, or memory is out. [worker] */
struct resolve *resolve_start(struct resolver *resolver, struct loop *loop, const char *name,
                              uint16_t port, resolve_fn on_done, void *arg);
/* on_done will not run. NULL is fine. [worker] */
void resolve_stop(struct resolve *resolve);
/* A connection to this address of the name has succeeded: it comes first from now on. [any] */
void resolver_prefer(struct resolver *resolver, const char *name, const spore_addr *addr);

#endif
