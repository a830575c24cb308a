/* watch - tells when the files of a configuration have changed and come to rest. [main]
 *
 * It looks at them twice a second: a look follows every link of a path, works on every file system
 * and for files that are not there yet, where inotify would need a watch on each folder on each
 * way. */
#ifndef CORE_WATCH_H
#define CORE_WATCH_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

struct config;
struct loop;

struct watch {
	struct loop *main_loop;
	struct config *config; /* ref; the last one that was read, be it in use or not */
	uint64_t seen;         /* the state in which its files were at the last look */
	ev_timer look;
	void (*on_change)(void *arg);
	void *arg;
};

/* on_change: the files differ from what was read, and have stood still for half a second. It calls
 * watch_follow. */
void watch_start(struct watch *watch, struct loop *main_loop, void (*on_change)(void *arg),
                 void *arg);
/* From now on the files of this configuration count, if `on`: one that was refused is not looked at
 * again before it changes. */
void watch_follow(struct watch *watch, struct config *config, bool on);
void watch_stop(struct watch *watch);

#endif
