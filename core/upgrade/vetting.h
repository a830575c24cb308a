/* vetting - whether a program can take this one's place: it is run with this process's arguments
 * and --check, and must end with status 0. [main] */
#ifndef CORE_VETTING_H
#define CORE_VETTING_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "upgrade/child.h"

enum { VETTING_TEXT_MOST = 2000 };

struct vetting {
	struct child child;
	int fd; /* what it prints to standard error; -1: closed */
	ev_io io;
	ev_timer limit;
	int64_t limit_ms;
	bool is_late;
	char text[VETTING_TEXT_MOST + 1]; /* the first of what it has printed */
	size_t len;
	/* The check has ended. why: NULL, or what is wrong with the program. */
	void (*on_end)(void *arg, const char *why);
	void *arg;
};

/* argv: of the program, with --check. The callback must be set. False and *err: it does not run. */
bool vetting_start(struct vetting *vetting, struct loop *loop, const char *path, char *const *argv,
                   int64_t limit_ms, struct err *err);
/* Ends the check by force, and forgets it. Harmless on a zeroed struct, and if the check has
 * ended. */
void vetting_stop(struct vetting *vetting);

#endif
