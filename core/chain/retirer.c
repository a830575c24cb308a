#include "chain/retirer.h"

#include <ev.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/container.h"
#include "config/config.h"
#include "host/instance.h"
#include "log/log.h"
#include "loop/loop.h"

static const double retry_s = 0.05;

struct retirer {
	struct loop *loop;
	struct list ending;   /* of struct retiree: unused, but with work in flight; [control] */
	unsigned generation;  /* of the next instance; [control] */
	pthread_mutex_t lock; /* guards `all`, which others read */
	struct list all;      /* of struct retiree, the oldest generation first */
	atomic_uint alive;
	atomic_uint n_generations;
	ev_timer retry;
};

struct retiree {
	struct list in_ending; /* in retirer->ending */
	struct list in_all;    /* in retirer->all */
	unsigned generation;
	struct loop_task task; /* posted with the last reference */
	struct retirer *retirer;
	struct instance *instance;
	struct config *config; /* ref: the options of the instance live in it */
};

/* The lock is held. Instances of one generation are neighbours in the list. */
static void count_generations(struct retirer *retirer)
{
	unsigned n = 0, last = 0;

	for (struct list *i = retirer->all.next; i != &retirer->all; i = i->next) {
		unsigned generation = CONTAINER_OF(i, struct retiree, in_all)->generation;

		if (generation != last)
			n++;
		last = generation;
	}
	atomic_store(&retirer->n_generations, n);
}

/* The lock is held. Inserts the retiree in front of those of later generations. There are some if a
 * renewal adds to the running generation while those of a refused reload are still ending. */
static void insert_by_generation(struct retirer *retirer, struct retiree *retiree)
{
	struct list *at = &retirer->all;

	while (at->prev != &retirer->all &&
	       CONTAINER_OF(at->prev, struct retiree, in_all)->generation > retiree->generation)
		at = at->prev;
	list_append(at, &retiree->in_all); /* in front of `at` */
}

/* Stops and frees the instance, and removes the retiree from both lists. False: work is still in
 * flight, and the retiree stays. [control] */
static bool try_to_end(struct retiree *retiree)
{
	struct retirer *retirer = retiree->retirer;

	if (!instance_stop(retiree->instance))
		return false;
	log_debug("plugin instance ended", log_str("plugin", retiree->instance->name));
	list_remove(&retiree->in_ending);
	pthread_mutex_lock(&retirer->lock);
	list_remove(&retiree->in_all);
	count_generations(retirer);
	pthread_mutex_unlock(&retirer->lock);
	instance_free(retiree->instance);
	config_unref(retiree->config);
	free(retiree);
	atomic_fetch_sub(&retirer->alive, 1);
	return true;
}

static void try_to_end_all(struct retirer *retirer)
{
	struct list *next;

	for (struct list *i = retirer->ending.next; i != &retirer->ending; i = next) {
		next = i->next;
		try_to_end(CONTAINER_OF(i, struct retiree, in_ending));
	}
}

static void on_retry(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct retirer *retirer = timer->data;

	(void)events;
	try_to_end_all(retirer);
	if (list_is_empty(&retirer->ending))
		ev_timer_stop(ev, timer);
}

static void run_end(struct loop_task *task)
{
	struct retiree *retiree = CONTAINER_OF(task, struct retiree, task);
	struct retirer *retirer = retiree->retirer;

	list_append(&retirer->ending, &retiree->in_ending);
	if (!try_to_end(retiree))
		ev_timer_again(loop_ev(retirer->loop), &retirer->retry);
}

/* [any] */
static void on_unused(struct instance *instance, void *arg)
{
	struct retiree *retiree = arg;

	(void)instance;
	loop_post(retiree->retirer->loop, &retiree->task);
}

struct retirer *retirer_new(struct loop *loop)
{
	struct retirer *retirer = calloc(1, sizeof *retirer);

	if (!retirer)
		return NULL;
	retirer->loop = loop;
	list_init(&retirer->ending);
	list_init(&retirer->all);
	pthread_mutex_init(&retirer->lock, NULL);
	retirer->generation = 1;
	ev_timer_init(&retirer->retry, on_retry, 0.0, retry_s);
	retirer->retry.data = retirer;
	return retirer;
}

bool retirer_adopt(struct retirer *retirer, struct instance *instance, struct config *config)
{
	struct retiree *retiree = calloc(1, sizeof *retiree);

	if (!retiree)
		return false;
	list_init(&retiree->in_ending);
	retiree->generation = retirer->generation;
	retiree->task.run = run_end;
	retiree->retirer = retirer;
	retiree->instance = instance;
	retiree->config = config_ref(config);
	instance->on_unused = on_unused;
	instance->unused_arg = retiree;
	atomic_fetch_add(&retirer->alive, 1);
	pthread_mutex_lock(&retirer->lock);
	insert_by_generation(retirer, retiree);
	count_generations(retirer);
	pthread_mutex_unlock(&retirer->lock);
	return true;
}

unsigned retirer_alive(const struct retirer *retirer)
{
	return atomic_load(&retirer->alive);
}

void retirer_set_generation(struct retirer *retirer, unsigned generation)
{
	retirer->generation = generation;
}

unsigned retirer_generations(const struct retirer *retirer)
{
	return atomic_load(&retirer->n_generations);
}

void retirer_each(struct retirer *retirer,
                  void (*look)(const struct instance *instance, unsigned generation, void *arg),
                  void *arg)
{
	pthread_mutex_lock(&retirer->lock);
	for (struct list *i = retirer->all.next; i != &retirer->all; i = i->next) {
		const struct retiree *retiree = CONTAINER_OF(i, struct retiree, in_all);

		look(retiree->instance, retiree->generation, arg);
	}
	pthread_mutex_unlock(&retirer->lock);
}

static void log_busy(const struct retirer *retirer)
{
	for (struct list *i = retirer->ending.next; i != &retirer->ending; i = i->next)
		log_error("plugin still busy",
		          log_str("plugin",
		                  CONTAINER_OF(i, struct retiree, in_ending)->instance->name));
}

bool retirer_finish(struct retirer *retirer, int64_t wait_ms)
{
	int64_t deadline_ms = clock_ms() + wait_ms;

	loop_finish(retirer->loop);
	for (try_to_end_all(retirer); retirer_alive(retirer) > 0; try_to_end_all(retirer)) {
		if (clock_ms() > deadline_ms) {
			log_busy(retirer);
			return false;
		}
		nanosleep(&(struct timespec){ 0, 1000000L }, NULL);
		loop_finish(retirer->loop);
	}
	return true;
}

void retirer_free(struct retirer *retirer)
{
	if (!retirer)
		return;
	ev_timer_stop(loop_ev(retirer->loop), &retirer->retry);
	pthread_mutex_destroy(&retirer->lock);
	free(retirer);
}
