/* child - a process of another program, which main has started and watches. [main] */
#ifndef CORE_CHILD_H
#define CORE_CHILD_H

#include <ev.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

struct loop;

/* The number under which a program gets the descriptor that is passed to it. */
enum { CHILD_PASSED_FD = 3 };

struct child_plan {
	const char *path;
	char *const *argv, *const *environment; /* NULL-ended */
	int passed;                             /* stays the caller's; -1: none */
	/* Becomes its standard error, and its standard output is dropped. Stays the caller's. -1:
	 * it has those of this process. */
	int complaints;
};

struct child {
	struct loop *loop;
	pid_t pid;   /* 0: none runs, or it was left */
	int process; /* a descriptor that becomes readable at its end */
	ev_io end;
	/* status: as of waitpid. The program has been forgotten. */
	void (*on_end)(void *arg, int status);
	void *arg;
};

/* Starts the program. It has no signal handlers, no other descriptors, and an empty standard input.
 * The callback must be set. False and *err: it does not run. */
bool child_start(struct child *child, struct loop *loop, const struct child_plan *plan,
                 struct err *err);
/* Ends it by force, if it runs. on_end runs later. */
void child_kill(struct child *child);
/* Lets it go on, unwatched. Idempotent. */
void child_leave(struct child *child);
/* The environment of this process without the variables that concern only this process, and with
 * `extra` unless that is NULL. The caller frees the array, but not the texts. NULL: out of
 * memory. */
char **child_environment(char *extra);

#endif
