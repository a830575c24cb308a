#include "loop/loop.h"

#include <errno.h>
#include <ev.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/container.h"
#include "thread/guest.h"
#include "thread/thread.h"

struct task_queue {
	struct loop_task *first, **end;
};

/* For loop_lag_ns: the loop's thread writes it, others read it. The windows are at least a minute
 * long. */
struct lag {
	atomic_int_fast64_t began_ns;    /* start of the current turn; 0: between turns */
	atomic_int_fast64_t window_ns;   /* start of the present window */
	atomic_int_fast64_t longest_ns;  /* the longest turn in the present window */
	atomic_int_fast64_t previous_ns; /* the longest turn in the window before it */
};

struct loop {
	struct ev_loop *ev;
	ev_check turn_start;
	ev_prepare turn_end;
	ev_async wake;
	unsigned index;
	int64_t now_ms;
	uint64_t turns;
	int64_t busy_ns, longest_ns; /* see struct loop_vitals */
	struct lag lag;
	pthread_t thread;
	struct task_queue at_turn_end, next_turn, to_reap;
	ev_idle busy;    /* while it is active, the loop does not sleep */
	int64_t spin_ns; /* see loop_set_busy_poll */
	int64_t spin_until_ns;
	_Atomic(struct loop_task *) posted; /* newest first */
	atomic_bool stopping;
	struct loop_hook *hook; /* borrowed until loop_set_hook replaces it; may be NULL */
	uint8_t scratch[LOOP_SCRATCH];
};

static const int64_t window_ns = 60 * (int64_t)1000000000;

static _Thread_local struct loop *current;

static void queue_init(struct task_queue *queue)
{
	queue->first = NULL;
	queue->end = &queue->first;
}

static void queue_append(struct task_queue *queue, struct loop_task *task)
{
	if (task->queued)
		return;
	task->queued = true;
	task->next = NULL;
	*queue->end = task;
	queue->end = &task->next;
}

/* Runs the tasks that are queued now, but not those that they queue. False if there are none. */
static bool queue_run(struct task_queue *queue)
{
	struct loop_task *task = queue->first, *next;

	queue_init(queue);
	if (!task)
		return false;
	for (; task; task = next) {
		next = task->next;
		task->queued = false;
		task->run(task);
	}
	return true;
}

/* True if the turn has events besides those of our own watchers: `busy`, and `turn_start`, which is
 * not pending any more when its callback calls this. */
static bool has_events(struct loop *loop)
{
	unsigned n_own = ev_is_pending(&loop->busy) ? 1 : 0;

	return ev_pending_count(loop->ev) > n_own;
}

static void on_turn_start(struct ev_loop *ev, ev_check *watcher, int events)
{
	struct loop *loop = ev_userdata(ev);
	int64_t now_ns = clock_ns();
	bool has_work;

	(void)watcher;
	(void)events;
	atomic_store_explicit(&loop->lag.began_ns, now_ns, memory_order_relaxed);
	loop->now_ms = now_ns / 1000000;
	guest_turn_begin(now_ns);
	has_work = loop->hook && loop->hook->on_turn_begin(loop->hook);
	if (loop->spin_ns && (has_work || has_events(loop)))
		loop->spin_until_ns = now_ns + loop->spin_ns;
	ev_idle_stop(ev, &loop->busy);
	queue_run(&loop->next_turn);
}

static int64_t read_relaxed(const atomic_int_fast64_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

/* Sets previous_ns before it clears longest_ns: a reader that sees the cleared value also sees the
 * new previous_ns, so it misses no turn. */
static void begin_window(struct lag *lag, int64_t now_ns)
{
	bool is_recent = now_ns - read_relaxed(&lag->window_ns) < 2 * window_ns;

	atomic_store_explicit(&lag->previous_ns, is_recent ? read_relaxed(&lag->longest_ns) : 0,
	                      memory_order_relaxed);
	atomic_store_explicit(&lag->longest_ns, 0, memory_order_release);
	atomic_store_explicit(&lag->window_ns, now_ns, memory_order_relaxed);
}

static void count_turn(struct loop *loop)
{
	struct lag *lag = &loop->lag;
	int64_t now_ns = clock_ns(), spent_ns = now_ns - read_relaxed(&lag->began_ns);

	atomic_store_explicit(&lag->began_ns, 0, memory_order_relaxed);
	guest_turn_end(now_ns);
	loop->turns++;
	loop->busy_ns += spent_ns;
	if (spent_ns > loop->longest_ns)
		loop->longest_ns = spent_ns;
	if (now_ns - read_relaxed(&lag->window_ns) >= window_ns)
		begin_window(lag, now_ns);
	if (spent_ns > read_relaxed(&lag->longest_ns))
		atomic_store_explicit(&lag->longest_ns, spent_ns, memory_order_relaxed);
}

/* Runs before the loop waits. Tasks may queue tasks, so it repeats until none is left. */
static void on_turn_end(struct ev_loop *ev, ev_prepare *watcher, int events)
{
	struct loop *loop = ev_userdata(ev);
	unsigned round = 0;

	(void)watcher;
	(void)events;
	do {
		while (queue_run(&loop->at_turn_end) || queue_run(&loop->to_reap))
			;
	} while (loop->hook && loop->hook->on_turn_end(loop->hook, round++));
	if (read_relaxed(&loop->lag.began_ns))
		count_turn(loop);
	if (loop->spin_ns && clock_ns() < loop->spin_until_ns)
		ev_idle_start(ev, &loop->busy);
}

/* Does nothing: an active idle watcher is enough to keep the loop from sleeping. */
static void on_busy(struct ev_loop *ev, ev_idle *watcher, int events)
{
	(void)ev;
	(void)watcher;
	(void)events;
}

/* Runs the posted tasks, the oldest first. False if there are none. */
static bool run_posted(struct loop *loop)
{
	struct loop_task *newest = atomic_exchange(&loop->posted, NULL), *oldest = NULL;
	bool has_tasks = newest != NULL;

	while (newest) { /* reverses the list */
		struct loop_task *next = newest->next;

		newest->next = oldest;
		oldest = newest;
		newest = next;
	}
	while (oldest) {
		struct loop_task *next = oldest->next;

		oldest->queued = false;
		oldest->run(oldest);
		oldest = next;
	}
	return has_tasks;
}

static void on_wake(struct ev_loop *ev, ev_async *watcher, int events)
{
	struct loop *loop = ev_userdata(ev);

	(void)watcher;
	(void)events;
	run_posted(loop);
	if (atomic_load(&loop->stopping))
		ev_break(ev, EVBREAK_ALL);
}

struct loop *loop_new(unsigned index, struct err *err)
{
	struct loop *loop = malloc(sizeof *loop);

	if (!loop) {
		err_set(err, "out of memory");
		return NULL;
	}
	memset(loop, 0, offsetof(struct loop, scratch)); /* leaves the scratch's pages untouched */
	loop->index = index;
	queue_init(&loop->at_turn_end);
	queue_init(&loop->next_turn);
	queue_init(&loop->to_reap);
	errno = 0;
	loop->ev = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
	if (!loop->ev) {
		err_set_call(err, "epoll_create1", errno);
		err_prefix(err, "cannot create an event loop");
		free(loop);
		return NULL;
	}
	ev_set_userdata(loop->ev, loop);
	loop->now_ms = clock_ms();
	ev_check_init(&loop->turn_start, on_turn_start);
	ev_set_priority(&loop->turn_start, EV_MAXPRI);
	ev_check_start(loop->ev, &loop->turn_start);
	ev_idle_init(&loop->busy, on_busy);
	ev_prepare_init(&loop->turn_end, on_turn_end);
	ev_set_priority(&loop->turn_end, EV_MINPRI);
	ev_prepare_start(loop->ev, &loop->turn_end);
	ev_async_init(&loop->wake, on_wake);
	ev_async_start(loop->ev, &loop->wake);
	return loop;
}

void loop_finish(struct loop *loop)
{
	while (run_posted(loop) || queue_run(&loop->next_turn) || queue_run(&loop->at_turn_end) ||
	       queue_run(&loop->to_reap))
		;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	loop_finish(loop);
	ev_loop_destroy(loop->ev);
	free(loop);
}

void loop_run(struct loop *loop)
{
	current = loop;
	ev_run(loop->ev, 0);
	/* The tasks that were queued for a later turn still run. */
	queue_run(&loop->next_turn);
	on_turn_end(loop->ev, NULL, 0);
	current = NULL;
}

static void *run_loop_thread(void *loop)
{
	guest_thread_is(GUEST_WORKER);
	loop_run(loop);
	return NULL;
}

void loop_set_hook(struct loop *loop, struct loop_hook *hook)
{
	loop->hook = hook;
}

void loop_set_busy_poll(struct loop *loop, int64_t us)
{
	loop->spin_ns = us * 1000;
}

/* Waits until the loop's thread has waited for events once. */
struct first_task {
	struct loop_task task;
	sem_t has_run;
};

static void on_first_task(struct loop_task *task)
{
	sem_post(&CONTAINER_OF(task, struct first_task, task)->has_run);
}

bool loop_start(struct loop *loop, struct err *err)
{
	struct first_task first = { .task.run = on_first_task };
	char name[16];
	int failed;

	snprintf(name, sizeof name, "worker %u", loop->index);
	failed = thread_start(&loop->thread, name, run_loop_thread, loop);
	if (failed) {
		err_set_call(err, "clone3", failed);
		err_prefix(err, "cannot start a worker thread");
		return false;
	}
	sem_init(&first.has_run, 0, 0);
	loop_post(loop, &first.task);
	while (sem_wait(&first.has_run) < 0 && errno == EINTR)
		;
	return true;
}

void loop_join(struct loop *loop)
{
	pthread_join(loop->thread, NULL);
}

void loop_break(struct loop *loop)
{
	atomic_store(&loop->stopping, true);
	ev_async_send(loop->ev, &loop->wake);
}

struct ev_loop *loop_ev(struct loop *loop)
{
	return loop->ev;
}

/* libev shows its epoll set only to a watcher that embeds its loop. It replaces the set at times,
 * so it is asked each time. */
static int epoll_set(struct ev_loop *ev)
{
	ev_embed embed;

	ev_embed_init(&embed, NULL, ev);
	ev_embed_start(ev, &embed);
	ev_embed_stop(ev, &embed);
	return embed.io.fd;
}

bool loop_forget_fd(struct loop *loop, int fd)
{
	if (!(ev_backend(loop->ev) & EVBACKEND_EPOLL & ev_embeddable_backends()))
		return false;
	return epoll_ctl(epoll_set(loop->ev), EPOLL_CTL_DEL, fd, NULL) == 0;
}

unsigned loop_index(const struct loop *loop)
{
	return loop->index;
}

struct loop *loop_current(void)
{
	return current;
}

int64_t loop_now_ms(const struct loop *loop)
{
	return loop->now_ms;
}

static int64_t longest_recent_turn(const struct lag *lag, int64_t now_ns)
{
	int64_t longest_ns = atomic_load_explicit(&lag->longest_ns, memory_order_acquire),
		previous_ns = read_relaxed(&lag->previous_ns),
		age_ns = now_ns - read_relaxed(&lag->window_ns);

	/* Only a turn begins a new window, so an old one means that there was no turn lately. */
	if (age_ns >= 2 * window_ns)
		return 0;
	if (age_ns >= window_ns)
		return longest_ns;
	return previous_ns > longest_ns ? previous_ns : longest_ns;
}

uint64_t loop_turn(const struct loop *loop)
{
	return loop->turns;
}

struct loop_vitals loop_vitals(const struct loop *loop)
{
	return (struct loop_vitals){ loop->turns, loop->busy_ns, loop->longest_ns,
		                     longest_recent_turn(&loop->lag, clock_ns()) };
}

int64_t loop_lag_ns(const struct loop *loop)
{
	int64_t now_ns = clock_ns(), began_ns = read_relaxed(&loop->lag.began_ns),
		lasts_ns = began_ns ? now_ns - began_ns : 0,
		longest_ns = longest_recent_turn(&loop->lag, now_ns);

	return lasts_ns > longest_ns ? lasts_ns : longest_ns;
}

void loop_post(struct loop *loop, struct loop_task *task)
{
	struct loop_task *head;

	if (loop == current) {
		queue_append(&loop->at_turn_end, task);
		return;
	}
	task->queued = true;
	head = atomic_load(&loop->posted);
	do {
		task->next = head;
	} while (!atomic_compare_exchange_weak(&loop->posted, &head, task));
	ev_async_send(loop->ev, &loop->wake);
}

void loop_at_turn_end(struct loop *loop, struct loop_task *task)
{
	queue_append(&loop->at_turn_end, task);
}

void loop_next_turn(struct loop *loop, struct loop_task *task)
{
	queue_append(&loop->next_turn, task);
	ev_idle_start(loop->ev, &loop->busy);
}

void loop_reap(struct loop *loop, struct loop_task *task)
{
	queue_append(&loop->to_reap, task);
}

uint8_t *loop_scratch(struct loop *loop)
{
	return loop->scratch;
}
