#include "server/server_worker.h"

#include <stdlib.h>
#include <unistd.h>

#include "choose/chooser.h"
#include "log/log.h"
#include "loop/loop.h"
#include "net/listener.h"
#include "net/sock.h"
#include "server/activation.h"
#include "session/arrival.h"
#include "session/context.h"
#include "session/entry.h"
#include "session/forward.h"
#include "session/group.h"
#include "session/newcomer.h"
#include "session/server_session.h"
#include "session/tunnel_session.h"

/* bore's client expects heartbeats at most 500 ms apart. */
static const double heartbeat_s = 0.45;

static void on_accept(int fd, const spore_addr *peer, const spore_addr *local, void *arg)
{
	newcomer_start(arg, fd, peer, local);
}

static void on_heartbeat(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct server_worker *worker = timer->data;

	(void)ev;
	(void)events;
	tunnel_sessions_beat(worker, worker->beats++);
	server_sessions_end_waiting(worker, false);
}

static bool may_accept(void *arg)
{
	const struct server_worker *worker = arg;

	return !worker->has_given;
}

/* Takes the sockets, and replaces the listener if there is one. */
static bool listen_at(struct server_worker *worker, struct sockets sockets)
{
	struct listener *listener = listener_new(worker->loop, &sockets, on_accept, worker);

	if (!listener) {
		sock_close_all(&sockets);
		return false;
	}
	listener_set_gate(listener, may_accept);
	listener_free(worker->listener);
	worker->listener = listener;
	return true;
}

static void resize_buffers(struct server_worker *worker)
{
	const struct server_settings *settings = server_worker_settings(worker);

	worker->relays.most_held = (size_t)settings->relay_buffer;
	if (worker->listener)
		listener_resize(worker->listener, &(struct sock_sizes){ (int)settings->sndbuf,
		                                                        (int)settings->recbuf });
}

static struct relay_watch watch_of(const struct server_worker *worker)
{
	const struct server_settings *settings = server_worker_settings(worker);

	return (struct relay_watch){
		.keepalive_ms = { settings->keepalive_data, settings->keepalive_visitors },
		.timeout_ms = settings->peer_timeout,
		.doubt_ms = RELAY_DOUBT_MS,
	};
}

bool server_worker_open(struct server_worker *worker, struct server_shared *shared,
                        struct loop *loop, const struct server_worker_terms *terms)
{
	*worker = (struct server_worker){ .shared = shared,
		                          .set = plugin_set_ref(terms->set),
		                          .limits = *terms->limits,
		                          .loop = loop };
	list_init(&worker->groups);
	list_init(&worker->group_arrivals);
	list_init(&worker->choosers);
	server_sessions_init(worker);
	stranger_list_init(&worker->strangers, &shared->strangers);
	deadline_list_init(&worker->silence, loop, SERVER_SILENCE_MS, tunnel_session_on_silence);
	deadline_list_init(&worker->arrivals, loop, ARRIVAL_MS, arrival_on_late);
	review_queue_init(&worker->reviews, loop, tunnel_session_on_turn);
	linger_list_init(&worker->lingerers, loop, &worker->limits.lingerers);
	relay_set_init(&worker->relays, loop,
	               &(struct relay_limits){
			       .idle_ms = &worker->limits.settings.relay_idle_timeout,
			       .watch = watch_of(worker),
			       .losses = &shared->principals.losses,
			       .is_lost = forward_has_lost_client,
			       .most_pipes = worker->limits.pipes,
			       .most_held = (size_t)server_worker_settings(worker)->relay_buffer,
			       .uses_uring = server_worker_settings(worker)->io == IO_AUTO,
			       .right_waited = true,
		       });
	worker->relays.on_moved = forward_count;
	ev_timer_init(&worker->heartbeat, on_heartbeat, heartbeat_s, heartbeat_s);
	worker->heartbeat.data = worker;
	ev_timer_start(loop_ev(loop), &worker->heartbeat);
	return listen_at(worker, terms->sockets) &&
	       choosers_renew(worker, worker->set, terms->limits, terms->shared);
}

void server_worker_renew(struct server_worker *worker, const struct server_worker_terms *terms)
{
	struct plugin_set *old = worker->set;

	if (terms->sockets.n > 0 && !listen_at(worker, terms->sockets))
		log_error("control port not moved: out of memory",
		          log_int("worker", loop_index(worker->loop)));
	if (!choosers_renew(worker, terms->set, terms->limits, terms->shared))
		log_error("a routed port is not open: out of memory",
		          log_int("worker", loop_index(worker->loop)));
	worker->set = plugin_set_ref(terms->set);
	worker->renewals++;
	worker->limits = *terms->limits;
	worker->relays.watch = watch_of(worker);
	server_sessions_renew(worker);
	resize_buffers(worker);
	server_sessions_end_waiting(worker, true);
	entry_find_barred(worker, old);
	tunnel_sessions_review(worker, old, terms->round);
	plugin_set_unref(old);
}

void server_worker_drain(struct server_worker *worker)
{
	if (atomic_load(&worker->shared->has_left))
		choosers_drop_parked(worker);
	tunnel_sessions_leave(worker);
}

struct port_copies *server_worker_copy_ports(const struct server_worker *worker)
{
	unsigned most = (unsigned)worker->set->config->settings.public.count;
	struct port_copies *copies = calloc(1, sizeof *copies + most * sizeof copies->shared[0]);

	if (!copies)
		return NULL;
	if (worker->listener)
		copies->control = listener_copy(worker->listener);
	if (copies->control.n > 0 && choosers_copy(worker, copies->shared, most, &copies->n_shared))
		return copies;
	port_copies_free(copies);
	return NULL;
}

void port_copies_free(struct port_copies *copies)
{
	if (!copies)
		return;
	sock_close_all(&copies->control);
	for (unsigned i = 0; i < copies->n_shared; i++)
		sock_close_all(&copies->shared[i]);
	free(copies);
}

void server_worker_park(struct server_worker *worker)
{
	choosers_park(worker, ACTIVATION_VISITORS_MOST / worker->shared->n_workers);
}

struct parked_copies *server_worker_copy_parked(const struct server_worker *worker)
{
	struct parked_copies *copies;

	copies = calloc(1, sizeof *copies + worker->n_parked * sizeof copies->fds[0]);
	if (!copies)
		return NULL;
	if (choosers_copy_parked(worker, copies->fds)) {
		copies->n = worker->n_parked;
		return copies;
	}
	free(copies);
	return NULL;
}

void parked_copies_free(struct parked_copies *copies)
{
	while (copies && copies->n > 0)
		close(copies->fds[--copies->n]);
	free(copies);
}

void server_worker_end_undecided(struct server_worker *worker)
{
	choosers_end_undecided(worker);
	tunnel_sessions_end_arrivals(worker);
}

void server_worker_give(struct server_worker *worker)
{
	worker->has_given = true;
	tunnel_sessions_give_tickets(worker);
}

void server_worker_take_back(struct server_worker *worker)
{
	worker->has_given = false;
	tunnel_sessions_forget_tickets(worker);
	if (worker->listener)
		listener_wake(worker->listener);
	choosers_wake(worker);
	choosers_unpark(worker);
}

void server_worker_stay_no_more(struct server_worker *worker)
{
	tunnel_sessions_stay_no_more(worker);
}

void server_worker_stop_accepting(struct server_worker *worker)
{
	choosers_leave_ports(worker);
	tunnel_sessions_stop_accepting(worker);
}

void server_worker_stop_listening(struct server_worker *worker)
{
	choosers_stop_accepting(worker);
	listener_free(worker->listener);
	worker->listener = NULL;
}

void server_worker_close(struct server_worker *worker)
{
	server_worker_stop_listening(worker);
	ev_timer_stop(loop_ev(worker->loop), &worker->heartbeat);
	groups_close(worker);
	choosers_close(worker);
	server_sessions_end_all(worker);
	review_queue_fini(&worker->reviews);
	relay_set_fini(&worker->relays);
	linger_list_fini(&worker->lingerers);
	deadline_list_fini(&worker->silence);
	deadline_list_fini(&worker->arrivals);
	plugin_set_unref(worker->set);
}
