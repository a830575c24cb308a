/* resolve - names to addresses without blocking a loop.
 *
 * getaddrinfo runs on a pool; answers are kept for a few seconds, since a client asks for the same
 * two names for every visitor. A numeric address needs no thread. */
#ifndef CORE_RESOLVE_H
#define CORE_RESOLVE_H

#include <spore/base.h>
#include <stdbool.h>
#include <stdint.h>

#define RESOLVE_MAX 16

struct loop;
struct resolver;
struct resolve;

/* n >= 1 addresses, each with the port asked for; or n = 0 and why. On the loop that asked. */
typedef void (*resolve_fn)(void *arg, const spore_addr *addrs, size_t n, const char *why);

/* NULL: out of memory. [main] */
struct resolver *resolver_new(void);
/* After the loops have ended. False when a look-up still hung (the resolver is leaked then). [main]
 */
bool resolver_free(struct resolver *resolver);

/* Looks the name up in the background, so that its answer is there when it is asked for. [any] */
void resolver_refresh(struct resolver *resolver, const char *name);
/* The addresses at once if they are known: their number, else 0. An old answer serves while one
 * look-up renews it. [worker] */
size_t resolver_known(struct resolver *resolver, const char *name, uint16_t port,
                      spore_addr addrs_out[RESOLVE_MAX]);
/* Asks; on_done runs later, once. The handle dies with on_done or resolve_stop. NULL: too many
 * look-ups wait, or no memory. [worker] */
struct resolve *resolve_start(struct resolver *resolver, struct loop *loop, const char *name,
                              uint16_t port, resolve_fn on_done, void *arg);
void resolve_stop(struct resolve *resolve);
/* This address of the name answered: it comes first from now on. [any] */
void resolver_prefer(struct resolver *resolver, const char *name, const spore_addr *addr);

#endif
