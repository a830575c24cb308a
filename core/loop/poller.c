#include "loop/poller.h"

#include <errno.h>
#include <ev.h>
#include <spore/base.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "loop/loop.h"

enum { PER_PAGE = 64, BATCH = 64 };

/* What is watched at a number. */
struct watched {
	uint64_t key; /* 0: nothing */
	uint32_t events;
};

struct poller {
	struct loop *loop; /* borrowed: outlives the poller */
	poller_fn on_ready;
	int set; /* the epoll set */
	ev_io io;
	struct watched **pages; /* [fd / PER_PAGE][fd % PER_PAGE]; owned; NULL: none in this page */
	size_t n_pages;
	bool has_strays; /* the set may report descriptors that were closed, but have duplicates */
};

/* ---- what is watched ---- */

static struct watched *find_watched(const struct poller *poller, int fd)
{
	size_t page = (size_t)fd / PER_PAGE;

	return page < poller->n_pages && poller->pages[page] ? &poller->pages[page][fd % PER_PAGE]
	                                                     : NULL;
}

/* NULL: out of memory. */
static struct watched *get_watched(struct poller *poller, int fd)
{
	size_t page = (size_t)fd / PER_PAGE;

	if (page >= poller->n_pages) {
		struct watched **pages = realloc(poller->pages, (page + 1) * sizeof *pages);

		if (!pages)
			return NULL;
		while (poller->n_pages <= page)
			pages[poller->n_pages++] = NULL;
		poller->pages = pages;
	}
	if (!poller->pages[page])
		poller->pages[page] = calloc(PER_PAGE, sizeof **poller->pages);
	return find_watched(poller, fd);
}

/* ---- the epoll set ---- */

/* The kernel reports errors and hang-ups even if `events` is 0. With EPOLLET, it reports them only
 * once. */
static bool control(int set, int operation, int fd, uint32_t events, uint64_t key)
{
	struct epoll_event event = {
		.events = (events & SPORE_READ ? EPOLLIN : 0) |
		          (events & SPORE_WRITE ? EPOLLOUT : 0) | (events ? 0 : EPOLLET),
		.data.u64 = key,
	};

	return epoll_ctl(set, operation, fd, &event) == 0;
}

/* An error or a hang-up makes the descriptor readable and writable, as libev has it. */
static uint32_t events_of(uint32_t epoll_events)
{
	return (epoll_events & ~(uint32_t)EPOLLOUT ? SPORE_READ : 0) |
	       (epoll_events & ~(uint32_t)EPOLLIN ? SPORE_WRITE : 0);
}

/* False: the descriptor has left the old set since it was closed, or the new set cannot take it. */
static bool move_to_set(int old, int set, int fd, const struct watched *w)
{
	return control(old, EPOLL_CTL_MOD, fd, w->events, w->key) &&
	       control(set, EPOLL_CTL_ADD, fd, w->events, w->key);
}

/* Moves the descriptors that are still open into a new set. There is no other way to remove a
 * descriptor that was closed while it had a duplicate. */
static void renew_set(struct poller *poller)
{
	int old = poller->set, set = epoll_create1(EPOLL_CLOEXEC);
	struct ev_loop *ev = loop_ev(poller->loop);

	if (set < 0)
		return; /* tried again at the next event */
	for (size_t fd = 0; fd < poller->n_pages * PER_PAGE; fd++) {
		struct watched *w = find_watched(poller, (int)fd);

		if (w && w->key && !move_to_set(old, set, (int)fd, w))
			*w = (struct watched){ 0 };
	}
	ev_io_stop(ev, &poller->io);
	ev_io_set(&poller->io, set, EV_READ);
	ev_io_start(ev, &poller->io);
	close(old);
	poller->set = set;
	poller->has_strays = false;
}

static void on_events(struct ev_loop *ev, ev_io *io, int revents)
{
	struct poller *poller = io->data;
	struct epoll_event events[BATCH];
	int n = epoll_wait(poller->set, events, BATCH, 0);
	bool has_unknown = false;

	(void)ev;
	(void)revents;
	for (int i = 0; i < n; i++) {
		bool is_known = poller->on_ready(events[i].data.u64, events_of(events[i].events));

		has_unknown = has_unknown || !is_known;
	}
	if (has_unknown && poller->has_strays)
		renew_set(poller);
}

struct poller *poller_new(struct loop *loop, poller_fn on_ready)
{
	struct poller *poller = calloc(1, sizeof *poller);

	if (!poller)
		return NULL;
	poller->loop = loop;
	poller->on_ready = on_ready;
	poller->set = epoll_create1(EPOLL_CLOEXEC);
	if (poller->set < 0) {
		free(poller);
		return NULL;
	}
	ev_io_init(&poller->io, on_events, poller->set, EV_READ);
	poller->io.data = poller;
	ev_io_start(loop_ev(loop), &poller->io);
	return poller;
}

void poller_free(struct poller *poller)
{
	if (!poller)
		return;
	ev_io_stop(loop_ev(poller->loop), &poller->io);
	close(poller->set);
	for (size_t i = 0; i < poller->n_pages; i++)
		free(poller->pages[i]);
	free(poller->pages);
	free(poller);
}

/* Returns 0 or an errno. If the set contains the descriptor although it is not watched, it is a
 * stray of the same file and number, and gets the new events and key. */
static int add_to_set(int set, int fd, uint32_t events, uint64_t key, bool is_watched)
{
	if (control(set, EPOLL_CTL_ADD, fd, events, key))
		return 0;
	if (errno == EEXIST && !is_watched && control(set, EPOLL_CTL_MOD, fd, events, key))
		return 0;
	return errno;
}

int poller_add(struct poller *poller, int fd, uint32_t events, uint64_t key, bool *lost_out)
{
	struct watched *w = fd >= 0 ? get_watched(poller, fd) : NULL;
	int failed;

	*lost_out = false;
	if (!w)
		return fd < 0 ? EBADF : ENOMEM;
	failed = add_to_set(poller->set, fd, events, key, w->key != 0);
	if (failed)
		return failed;
	*lost_out = w->key != 0;
	*w = (struct watched){ key, events };
	return 0;
}

bool poller_change(struct poller *poller, int fd, uint32_t events, uint64_t key)
{
	struct watched *w = find_watched(poller, fd);

	if (w->key != key || !control(poller->set, EPOLL_CTL_MOD, fd, events, key))
		return false;
	w->events = events;
	return true;
}

bool poller_remove(struct poller *poller, int fd, uint64_t key)
{
	struct watched *w = find_watched(poller, fd);
	bool is_open = w->key == key && control(poller->set, EPOLL_CTL_DEL, fd, 0, 0);

	if (w->key == key)
		*w = (struct watched){ 0 };
	poller->has_strays = poller->has_strays || !is_open;
	return is_open;
}
