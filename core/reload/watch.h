/* watch - reports when the files of a configuration have changed and are stable again. [main]
 *
 * It polls twice a second. Polling follows all links of a path, works on every file system, and
 * sees files that do not exist yet; inotify would need a watch on every directory of each path. */
#ifndef CORE_WATCH_H
#define CORE_WATCH_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

struct config;
struct loop;

struct watch {
	struct loop *main_loop;
	struct config *config; /* ref; the last one that was read, even if it was refused */
	uint64_t seen;         /* the state of its files at the last poll, */
	uint64_t reported;     /* and when on_change ran last; 0: since watch_follow it has not */
	ev_timer poll;
	void (*on_change)(void *arg);
	void *arg;
};

/* Call watch_follow next. on_change runs when the files differ from what was read and have not
 * changed for half a second. It runs again when they have changed again. */
void watch_start(struct watch *watch, struct loop *main_loop, void (*on_change)(void *arg),
                 void *arg);
/* Watches the files of this configuration from now on, if `on`. A configuration that was refused is
 * reported again only when its files change again. */
void watch_follow(struct watch *watch, struct config *config, bool on);
void watch_stop(struct watch *watch);

#endif
