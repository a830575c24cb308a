/* vetting - whether a program can take this one's place: it is run with this process's arguments
 * and --check. It must greet (upgrade/greeting), and end with status 0. [main] */
#ifndef CORE_VETTING_H
#define CORE_VETTING_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "upgrade/channel.h"
#include "upgrade/child.h"

enum { VETTING_TEXT_MOST = 2000, VETTING_GREETING_MS = 10000 };

struct vetting {
	struct child child;
	const char *path;       /* borrowed until the check has ended */
	struct channel channel; /* on which it greets */
	bool has_greeted;
	struct err greeting; /* what is wrong with its greeting; "": nothing */
	int fd;              /* what it prints to standard error; -1: closed */
	ev_io io;
	ev_timer limit;
	int64_t limit_ms; /* that runs */
	int64_t check_ms; /* for the whole check, once it has greeted */
	bool is_late;
	char text[VETTING_TEXT_MOST + 1]; /* the first of what it has printed */
	size_t len;
	/* The check has ended. why: NULL, or what is wrong with the program. */
	void (*on_end)(void *arg, const char *why);
	void *arg;
};

/* argv: of the program, with --check. The callback must be set. It must greet within
 * VETTING_GREETING_MS. False and *err: it does not run. */
bool vetting_start(struct vetting *vetting, struct loop *loop, const char *path, char *const *argv,
                   int64_t limit_ms, struct err *err);
/* Ends the check by force, and forgets it. Harmless on a zeroed struct, and if the check has
 * ended. */
void vetting_stop(struct vetting *vetting);

#endif
