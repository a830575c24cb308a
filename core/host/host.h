/* host - the host's side of the SDK: the table of functions that plugins are lent.
 *
 * The table's functions without a context (time, randomness, completion) need the process's own
 * services, so there is one host per process: host_init before the first instance, host_fini after
 * the last. */
#ifndef CORE_HOST_H
#define CORE_HOST_H

#include <spore/auth.h>
#include <spore/host.h>
#include <stdbool.h>

#include "host/grant.h"
#include "net/conn.h"

struct instance;
struct loop;
struct metrics;
struct resolver;

struct host_services {
	struct metrics *metrics; /* borrowed, all of them: they outlive the host */
	struct resolver *resolver;
	struct loop *const *loops; /* the workers' */
	unsigned n_workers;
	bool binds_nothing; /* plugins get sockets, but no addresses: for a check beside who has
	                       them */
	/* Ends or renews the sessions of an identity; takes the grant. [any] */
	void (*revalidate)(void *arg, struct instance *instance, spore_str identity,
	                   int32_t verdict, struct grant *grant);
	void *revalidate_arg;
};

bool host_init(const struct host_services *services);
void host_fini(void);
/* Gives back the listening sockets that it asked for. [main] */
void host_listeners_drop(struct instance *instance);
/* Valid for the whole process. */
const spore_host *host_table(void);
struct metrics *host_metrics(void);
/* The one that plugins' look-ups go through. */
struct resolver *host_resolver(void);
/* As spore_host.get_extension. */
const void *host_get_extension(const char *id);
/* What "spore.ready/1" answers. [any] */
void host_set_ready(bool ready);
#endif
