/* resolve - resolves names without blocking a loop.
 *
 * getaddrinfo runs on a pool of threads, once for all who ask for the same name at the same time.
 * An answer is used for two seconds, because a client asks for the same names with every visitor.
 * If it is used in the second of them, it is renewed. After that, a caller waits for a new answer.
 * An old answer is used only if the name service fails, or gives no answer within
 * RESOLVE_PATIENCE_MS (net/answers). A numeric address needs no thread. */
#ifndef CORE_RESOLVE_H
#define CORE_RESOLVE_H

#include <spore/base.h>
#include <stdbool.h>
#include <stdint.h>

#define RESOLVE_MAX 16

/* If there is an old answer, a caller waits for a new one no longer than this. Once a caller has
 * waited in vain, later callers use the old answer at once, as long as the same look-up runs. */
enum { RESOLVE_PATIENCE_MS = 1000 };

struct loop;
struct net_failure;
struct resolver;
struct resolve;

/* Success: n >= 1 addresses, each with the port that was asked for. Failure: n is 0, and failure
 * tells the cause; it is valid during the call. Runs on the loop that asked. */
typedef void (*resolve_fn)(void *arg, const spore_addr *addrs, size_t n,
                           const struct net_failure *failure);

/* NULL: out of memory. [main] */
struct resolver *resolver_new(void);
/* The loops have ended. False: a look-up hangs, and the resolver is leaked. NULL is fine. [main] */
bool resolver_free(struct resolver *resolver);

/* Looks the name up in the background, so that resolver_known has the answer later. [any] */
void resolver_refresh(struct resolver *resolver, const char *name);
/* The number of addresses that may be used now; 0: none, so the name must be looked up. [worker] */
size_t resolver_known(struct resolver *resolver, const char *name, uint16_t port,
                      spore_addr addrs_out[RESOLVE_MAX]);
/* Starts a look-up, or joins the one that runs for this name. on_done runs once, later. The handle
 * is valid until on_done or resolve_stop. NULL: too many look-ups wait, or memory is out.
 * [worker] */
struct resolve *resolve_start(struct resolver *resolver, struct loop *loop, const char *name,
                              uint16_t port, resolve_fn on_done, void *arg);
/* on_done will not run. NULL is fine. [worker] */
void resolve_stop(struct resolve *resolve);
/* A connection to this address of the name has succeeded: it comes first from now on, in later
 * answers too, until another one succeeds in its place. [any] */
void resolver_prefer(struct resolver *resolver, const char *name, const spore_addr *addr);
/* No connection to the addresses of this name has succeeded: the next caller waits for a new
 * answer. [any] */
void resolver_doubt(struct resolver *resolver, const char *name);

#endif
