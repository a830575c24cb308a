/* backing - what the process gives the host, so that functions of the SDK that have no context
 * argument can use it; and the checks that all of them make. */
#ifndef CORE_BACKING_H
#define CORE_BACKING_H

#include <spore/host.h>
#include <stdbool.h>

struct loop;
struct metrics;
struct resolver;
struct revision;

struct host_services {
	struct metrics *metrics; /* borrowed, like all below: they outlive the host */
	struct resolver *resolver;
	struct loop *const *loops; /* of the workers */
	unsigned n_workers;
	bool binds_nothing; /* plugins get sockets without an address, so that a check can run
	                     * beside a process that uses the addresses */
	/* Ends or renews the sessions that a revision concerns. [any] */
	void (*revise)(void *arg, const struct revision *revision);
	void *revise_arg;
};

/* Copied. Before the first instance is made. [main] */
void backing_set(const struct host_services *services);
/* [any] */
const struct host_services *backing(void);

/* The name of the instance, for messages. It is permanent. ctx NULL: NULL. [any] */
const char *backing_name(const spore_ctx *ctx);
/* Did the plugin forget the pointer to the bytes? [any] */
bool backing_is_null(spore_str text);

#endif
