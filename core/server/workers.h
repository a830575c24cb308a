/* workers - the workers of a server: opens and closes them, and asks them without waiting for them.
 * [main] */
#ifndef CORE_WORKERS_H
#define CORE_WORKERS_H

#include <stdbool.h>
#include <stdint.h>

struct err;
struct given_sockets;
struct json;
struct limits;
struct loop;
struct plugin_set;
struct server_env;
struct server_shared;
struct server_worker;
struct survey;
struct survey_plan;

struct workers {
	struct loop *main_loop;      /* borrowed, like the next one: it outlives the server */
	struct loop *const *loops;   /* theirs, running */
	struct server_worker *items; /* owned */
	unsigned n;                  /* those that are open */
};

/* Opens all workers with their sockets, for this set. False: *err and *at_fault_out (or NULL) say
 * why, and some may be open. */
bool workers_open(struct workers *workers, const struct server_env *env,
                  struct server_shared *shared, struct plugin_set *set, const struct limits *limits,
                  const struct json **at_fault_out, struct err *err);
/* Gives the open workers the visitors that the server before this one has left, which stay the
 * caller's. Call it when nothing can fail any more: to end one ends it for that server, too. */
void workers_receive(struct workers *workers, const struct given_sockets *visitors);
/* Closes those that are open. */
void workers_close(struct workers *workers);
/* Frees their memory, after all that uses it. */
void workers_fini(struct workers *workers);

/* Starts a survey of the open workers. plan: without its home and its loops. NULL: out of memory.
 */
struct survey *workers_survey(const struct workers *workers, const struct survey_plan *plan);
/* Runs fn on every worker soon, and `done` when all have run it, or after wait_ms. The answer of
 * one that has run it is the worker. NULL: out of memory, and nothing runs. */
struct survey *workers_tell(const struct workers *workers, void (*fn)(struct server_worker *worker),
                            int64_t wait_ms, void (*done)(struct survey *survey, void *arg),
                            void *arg);
/* In `done`: have all workers answered? */
bool workers_have_answered(const struct workers *workers, const struct survey *survey);

#endif
