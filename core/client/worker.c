#include "client/worker.h"

#include "base/container.h"
#include "base/descriptors.h"
#include "carry/ahead.h"
#include "carry/carried.h"
#include "carry/origin.h"
#include "carry/proxy.h"
#include "carry/proxy_server.h"
#include "client/room.h"
#include "client/session.h"

/* The relays whose local address is gone may go on if it comes back within this time. */
static const double late_look_s = 2.0;

/* ---- the way to a server may have changed ---- */

struct late_look {
	const struct homes *then; /* at the look before */
	struct homes now;
};

/* Notes where the relay is at home, of which none is lost yet. */
static bool note_home(int left_fd, void *homes)
{
	spore_addr addr;

	homes_have(homes, left_fd, &addr);
	return false;
}

/* An address that is gone for a moment only costs no relay. */
static bool is_homeless(int left_fd, void *arg)
{
	struct late_look *look = arg;
	spore_addr addr;

	return !homes_have(&look->now, left_fd, &addr) && homes_lack(look->then, &addr);
}

/* [worker] */
static void on_late_look(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct client_worker *worker = timer->data;
	struct late_look look = { .then = &worker->homes };

	(void)ev;
	(void)events;
	relay_reset_lost(&worker->relays, is_homeless, &look);
}

/* [worker] */
static void run_look(struct loop_task *task)
{
	struct client_worker *worker = CONTAINER_OF(task, struct client_worker, look);
	struct ev_loop *ev = loop_ev(worker->loop);

	atomic_store(&worker->is_look_posted, false);
	if (worker->is_closed)
		return;
	worker->homes.n = 0;
	for (struct list *i = worker->pools.next; i != &worker->pools; i = i->next)
		ahead_pool_look(CONTAINER_OF(i, struct ahead_pool, node), &worker->homes);
	relay_reset_lost(&worker->relays, note_home, &worker->homes);
	/* Many changes come as few looks (way/changes), so they do not put it off for long. */
	ev_now_update(ev);
	ev_timer_stop(ev, &worker->late_look);
	ev_timer_set(&worker->late_look, late_look_s, 0.0);
	ev_timer_start(ev, &worker->late_look);
}

void worker_post_look(struct client_worker *worker)
{
	if (!atomic_exchange(&worker->is_look_posted, true))
		loop_post(worker->loop, &worker->look);
}

/* ---- settings ---- */

/* The worker's part of what the machine allows. */
static void share_out(struct client_worker *worker, unsigned n_workers)
{
	const struct settings *settings = &worker->set->config->settings;
	unsigned n = n_workers, descriptors = descriptors_max();
	unsigned most = room_max_visitors(settings, descriptors);

	atomic_store(&worker->shared->max_carried, most);
	atomic_store(&worker->max_carried, (most + n - 1) / n);
	worker->max_lingerers = (most + n - 1) / n / 4 + 1;
	worker->max_pipes = relay_most_pipes(descriptors) / n;
	worker->max_dialling = (unsigned)(settings->client.max_dials + n - 1) / n;
}

static struct relay_watch watch_of(const struct client_worker *worker)
{
	const struct client_settings *settings = client_worker_settings(worker);

	return (struct relay_watch){
		.keepalive_ms = { settings->keepalive_data, settings->keepalive_services },
		.timeout_ms = settings->peer_timeout,
		.doubt_ms = RELAY_DOUBT_MS,
	};
}

void worker_use(struct client_worker *worker, struct plugin_set *set, unsigned n_workers)
{
	struct plugin_set *old = worker->set;
	const struct client_settings *settings;

	worker->set = plugin_set_ref(set);
	settings = client_worker_settings(worker);
	share_out(worker, n_workers);
	deadline_list_set(&worker->answers, settings->answer_timeout);
	worker->relays.watch = watch_of(worker);
	worker->relays.most_held = (size_t)settings->relay_buffer;
	plugin_set_unref(old);
	loop_at_turn_end(worker->loop, &worker->start_waiting); /* there may be more room */
}

/* ---- begin and end ---- */

void worker_init(struct client_worker *worker, struct plugin_set *set, unsigned n_workers)
{
	worker->set = plugin_set_ref(set);
	share_out(worker, n_workers);
}

void worker_fini(struct client_worker *worker)
{
	plugin_set_unref(worker->set);
}

void worker_open(struct client_worker *worker)
{
	const struct client_settings *settings = client_worker_settings(worker);
	struct relay_limits limits = {
		.watch = watch_of(worker),
		.losses = &worker->shared->losses,
		.most_pipes = worker->max_pipes,
		.most_held = (size_t)settings->relay_buffer,
		.uses_uring = settings->io == IO_AUTO,
		.right_may_end = true,
	};

	deadline_list_init(&worker->answers, worker->loop, settings->answer_timeout,
	                   uplink_on_late);
	deadline_list_init(&worker->silence, worker->loop, SESSION_SILENCE_MS, session_on_silence);
	deadline_list_init(&worker->probes, worker->loop, SESSION_PROBE_MS, session_on_probe);
	deadline_list_init(&worker->slow_answers, worker->loop, PROXY_SERVER_SLOW_MS,
	                   proxy_server_on_slow);
	deadline_list_init(&worker->idle_ends, worker->loop, AHEAD_IDLE_MS, ahead_on_idle);
	deadline_list_init(&worker->holds, worker->loop, ORIGIN_HOLD_MS, origin_on_held);
	deadline_list_init(&worker->waits, worker->loop, PROXY_WAIT_MS, proxy_on_late);
	linger_list_init(&worker->lingerers, worker->loop, &worker->max_lingerers);
	relay_set_init(&worker->relays, worker->loop, &limits);
	worker->relays.on_moved = carried_count;
	list_init(&worker->pools);
	list_init(&worker->proxies);
	list_init(&worker->waiting);
	worker->start_waiting.run = proxy_run_start_waiting;
	worker->look.run = run_look;
	ev_timer_init(&worker->late_look, on_late_look, 0.0, 0.0);
	worker->late_look.data = worker;
}

void worker_close(struct client_worker *worker)
{
	worker->is_closed = true;
	ev_timer_stop(loop_ev(worker->loop), &worker->late_look);
	relay_set_fini(&worker->relays);
	linger_list_fini(&worker->lingerers);
	deadline_list_fini(&worker->answers);
	deadline_list_fini(&worker->slow_answers);
	deadline_list_fini(&worker->idle_ends);
	deadline_list_fini(&worker->holds);
	deadline_list_fini(&worker->waits);
	deadline_list_fini(&worker->silence);
	deadline_list_fini(&worker->probes);
}
