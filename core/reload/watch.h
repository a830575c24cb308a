/* watch - reports when the files of a configuration, or those that a plugin instance reads, have
 * changed and are stable again. [main]
 *
 * It polls twice a second. Polling follows all links of a path, works on every file system, also
 * where the kernel reports no events, and sees files that do not exist yet; inotify would need a
 * watch on every directory of each path. A thread of a pool looks at the files, since that may
 * block: a file server that does not answer delays only the news.
 *
 * The files are watched in groups: one of the configuration, and one of each instance. */
#ifndef CORE_WATCH_H
#define CORE_WATCH_H

#include <ev.h>
#include <stdbool.h>

struct config;
struct loop;
struct plugin_set;
struct pool;
struct renewal;
struct watch_list;
struct watch_poll;

struct watch {
	struct loop *main_loop;
	struct config *config;   /* ref; the last one that was read, even if it was refused */
	struct watch_list *list; /* ref; NULL: out of memory, or watch_follow was not called */
	struct pool *pool;       /* owned; made on first use */
	struct watch_poll *poll; /* the one that has not returned; NULL: none */
	ev_timer timer;
	void (*on_change)(void *arg);
	void *arg;
};

/* What is watched. */
struct watch_terms {
	struct config *config;        /* the last one that was read, even if it was refused */
	const struct plugin_set *set; /* the running one, which must stay until the next call */
	bool is_config_watched, are_instances_watched;
};

/* Call watch_follow next. on_change runs when the files of some groups differ from what was read
 * and have not changed for half a second. It runs again when they have changed again. */
void watch_start(struct watch *watch, struct loop *main_loop, void (*on_change)(void *arg),
                 void *arg);
/* Watches these files from now on. A configuration or an instance that is watched already keeps its
 * changes: one that was refused is reported again only when its files change again. */
void watch_follow(struct watch *watch, const struct watch_terms *terms);
/* True once after each reported change of the configuration's files. */
bool watch_take_config(struct watch *watch);
/* Was a change of an instance's files reported, and not taken? */
bool watch_has_instance_changed(const struct watch *watch);
/* Adds the instances whose files have changed, and takes the changes. False: out of memory. */
bool watch_take_instances(struct watch *watch, struct renewal *renewal);
void watch_stop(struct watch *watch);

#endif
