#include "reload/watch.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "chain/plugin_set.h"
#include "chain/renewal.h"
#include "config/config.h"
#include "loop/loop.h"
#include "loop/pool.h"

static const double poll_every_s = 0.5;
enum { POOL_WAIT_MS = 100 };

/* ---- what is watched ---- */

/* The files of the configuration or of an instance. */
struct group {
	const void *of;                  /* the configuration or the instance; only compared */
	const struct instance *instance; /* NULL: of the configuration */
	struct files files;              /* copies in the list's document */
	uint64_t seen;                   /* the state of the files at the last poll */
	uint64_t reported; /* their state when a change was last reported; 0: none was */
	bool changed;      /* a change was reported, and not taken */
};

/* A poll on another thread reads the paths and stamps, which do not change. */
struct watch_list {
	atomic_uint refs;
	struct json_doc *doc;
	size_t n;
	struct group groups[];
};

static struct watch_list *list_ref(struct watch_list *list)
{
	atomic_fetch_add_explicit(&list->refs, 1, memory_order_relaxed);
	return list;
}

static void list_unref(struct watch_list *list)
{
	if (!list || atomic_fetch_sub_explicit(&list->refs, 1, memory_order_acq_rel) > 1)
		return;
	json_doc_free(list->doc);
	free(list);
}

static size_t count_instances(const struct plugin_set *set)
{
	size_t n = 0;

	for (size_t id = 0; id < set->config->n_chains; id++)
		n += set->chains[id]->n;
	return n;
}

static struct watch_list *new_list(size_t most)
{
	struct watch_list *list = calloc(1, sizeof *list + most * sizeof *list->groups);

	if (!list)
		return NULL;
	atomic_init(&list->refs, 1);
	list->doc = json_doc_new();
	if (list->doc)
		return list;
	free(list);
	return NULL;
}

static const struct group *find_group(const struct watch_list *list, const void *of)
{
	for (size_t i = 0; list && i < list->n; i++) {
		if (list->groups[i].of == of)
			return &list->groups[i];
	}
	return NULL;
}

/* Keeps the group that was just filled, unless it has no files. It takes over the state that it has
 * in the list before. */
static void keep_group(struct watch_list *list, const struct watch_list *before)
{
	struct group *group = &list->groups[list->n];
	const struct group *old = find_group(before, group->of);

	if (group->files.n == 0)
		return;
	group->seen = old ? old->seen : files_noted(&group->files);
	group->reported = old ? old->reported : 0;
	group->changed = old && old->changed;
	list->n++;
}

/* Files of instances that run are left out if these instances have groups of their own. A
 * configuration that was refused has no instances that run. */
static void add_config(struct watch_list *list, const struct watch_terms *terms,
                       const struct watch_list *before)
{
	const struct files *files = &terms->config->files;
	struct group *group = &list->groups[list->n];
	bool is_running = terms->config == terms->set->config;
	bool have_instances_groups = terms->are_instances_watched && is_running;

	*group = (struct group){ .of = terms->config };
	for (size_t i = 0; i < files->n; i++) {
		if (files->items[i].of_instance && have_instances_groups)
			continue;
		files_add(&group->files, list->doc, &files->items[i]);
	}
	keep_group(list, before);
}

static void add_instance(struct watch_list *list, const struct instance *instance,
                         const struct watch_list *before)
{
	struct group *group = &list->groups[list->n];

	*group = (struct group){ .of = instance, .instance = instance };
	for (size_t i = 0; i < instance->files.n; i++)
		files_add(&group->files, list->doc, &instance->files.items[i]);
	keep_group(list, before);
}

static struct watch_list *make_list(const struct watch_terms *terms,
                                    const struct watch_list *before)
{
	struct watch_list *list = new_list(1 + count_instances(terms->set));

	if (!list)
		return NULL;
	if (terms->is_config_watched)
		add_config(list, terms, before);
	for (size_t id = 0; terms->are_instances_watched && id < terms->set->config->n_chains;
	     id++) {
		const struct chain *chain = terms->set->chains[id];

		for (size_t i = 0; i < chain->n; i++)
			add_instance(list, chain->items[i], before);
	}
	return list;
}

/* ---- polling ---- */

struct look {
	bool changed; /* a file differs from what was read */
	uint64_t now; /* the state of the files */
};

struct watch_poll {
	struct pool_job job;
	struct loop_task task;
	_Atomic(struct loop *) home; /* main's; NULL: the task is posted, or not wanted any more */
	struct watch *watch;         /* NULL: it has stopped; [main] */
	struct watch_list *list;     /* ref */
	struct look looks[];         /* one at each group of the list */
};

static void free_poll(struct watch_poll *poll)
{
	list_unref(poll->list);
	free(poll);
}

/* [blocking] */
static void run_poll(struct pool_job *job)
{
	struct watch_poll *poll = CONTAINER_OF(job, struct watch_poll, job);
	struct loop *home;

	for (size_t i = 0; i < poll->list->n; i++) {
		const struct files *files = &poll->list->groups[i].files;

		poll->looks[i].changed = files_differ(files, &poll->looks[i].now);
	}
	home = atomic_exchange(&poll->home, NULL);
	if (home)
		loop_post(home, &poll->task);
	else
		free_poll(poll);
}

/* True if there is news: a change that has settled and was not reported before. */
static bool take_look(struct group *group, const struct look *look)
{
	uint64_t before = group->seen;

	if (!look->changed)
		return false;
	group->seen = look->now;
	if (look->now != before || look->now == group->reported)
		return false;
	group->reported = look->now;
	group->changed = true;
	return true;
}

/* [main] */
static void on_polled(struct loop_task *task)
{
	struct watch_poll *poll = CONTAINER_OF(task, struct watch_poll, task);
	struct watch *watch = poll->watch;
	bool is_news = false;

	if (watch)
		watch->poll = NULL;
	/* If the list was replaced meanwhile, these looks are not at its groups. */
	for (size_t i = 0; watch && poll->list == watch->list && i < poll->list->n; i++)
		is_news = take_look(&poll->list->groups[i], &poll->looks[i]) || is_news;
	if (is_news)
		watch->on_change(watch->arg);
	free_poll(poll);
}

static void start_poll(struct watch *watch)
{
	struct watch_poll *poll = calloc(1, sizeof *poll + watch->list->n * sizeof *poll->looks);

	if (!watch->pool)
		watch->pool = pool_new(1, 1);
	if (!poll || !watch->pool) {
		free(poll);
		return;
	}
	poll->job.run = run_poll;
	poll->task.run = on_polled;
	atomic_init(&poll->home, watch->main_loop);
	poll->watch = watch;
	poll->list = list_ref(watch->list);
	if (pool_submit(watch->pool, &poll->job)) {
		watch->poll = poll;
		return;
	}
	free_poll(poll);
}

/* The next poll waits for the last one, however long a file system takes. */
static void on_timer(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct watch *watch = timer->data;

	(void)ev;
	(void)events;
	if (!watch->poll)
		start_poll(watch);
}

/* ---- the interface ---- */

void watch_start(struct watch *watch, struct loop *main_loop, void (*on_change)(void *arg),
                 void *arg)
{
	*watch = (struct watch){ .main_loop = main_loop, .on_change = on_change, .arg = arg };
	ev_timer_init(&watch->timer, on_timer, poll_every_s, poll_every_s);
	watch->timer.data = watch;
}

void watch_follow(struct watch *watch, const struct watch_terms *terms)
{
	struct config *config = watch->config;
	struct watch_list *list = watch->list;

	watch->config = config_ref(terms->config);
	watch->list = make_list(terms, list);
	list_unref(list);
	config_unref(config);
	if (!watch->list || watch->list->n == 0)
		ev_timer_stop(loop_ev(watch->main_loop), &watch->timer);
	else if (!ev_is_active(&watch->timer))
		ev_timer_again(loop_ev(watch->main_loop), &watch->timer);
}

bool watch_take_config(struct watch *watch)
{
	for (size_t i = 0; watch->list && i < watch->list->n; i++) {
		struct group *group = &watch->list->groups[i];

		if (group->instance || !group->changed)
			continue;
		group->changed = false;
		return true;
	}
	return false;
}

bool watch_has_instance_changed(const struct watch *watch)
{
	for (size_t i = 0; watch->list && i < watch->list->n; i++) {
		if (watch->list->groups[i].instance && watch->list->groups[i].changed)
			return true;
	}
	return false;
}

bool watch_take_instances(struct watch *watch, struct renewal *renewal)
{
	bool is_complete = true;

	for (size_t i = 0; watch->list && i < watch->list->n; i++) {
		struct group *group = &watch->list->groups[i];

		if (!group->instance || !group->changed)
			continue;
		is_complete = renewal_add(renewal, group->instance) && is_complete;
		group->changed = false;
	}
	return is_complete;
}

/* A poll that hangs frees itself when it returns. */
static void forget_poll(struct watch *watch)
{
	if (!watch->poll)
		return;
	watch->poll->watch = NULL;
	atomic_exchange(&watch->poll->home, NULL);
	watch->poll = NULL;
}

void watch_stop(struct watch *watch)
{
	ev_timer_stop(loop_ev(watch->main_loop), &watch->timer);
	forget_poll(watch);
	pool_free(watch->pool, POOL_WAIT_MS);
	watch->pool = NULL;
	list_unref(watch->list);
	watch->list = NULL;
	config_unref(watch->config);
	watch->config = NULL;
}
