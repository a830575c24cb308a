#include "server/worker.h"

#include <unistd.h>

#include "chain/acl.h"
#include "log/log.h"
#include "loop/loop.h"
#include "net/addr.h"
#include "net/listener.h"
#include "net/sock.h"
#include "server/control.h"
#include "server/dialogue.h"
#include "server/entry.h"
#include "server/forward.h"
#include "server/judge.h"
#include "server/tunnel.h"

/* bore's own limits: 3 s for a first frame; heartbeats at most 500 ms apart (so a little less). A
 * frame behind a right Authenticate comes at once: its absence is noticed after NEXT_FRAME_MS. */
enum { FIRST_FRAME_MS = 3000, NEXT_FRAME_MS = 100 };
/* A connection opened ahead that nobody needed for so long is closed; its client opens another. */
enum { WAITING_MS = 600000 };
static const double heartbeat_s = 0.45;

static void on_accept(int fd, const spore_addr *peer, void *arg)
{
	struct worker *worker = arg;
	const spore_addr *local = listener_addr(worker->listener);
	const struct stats *stats = &worker->shared->stats;
	char text[ADDR_TEXT_SIZE];

	stats_add(stats, worker->loop, STAT_CONTROL_CONNECTIONS, 1);
	if (!acl_allows(worker->set->acl_control, worker->loop, SPORE_ACL_AT_CONTROL, peer, local,
	                "")) {
		stats_refuse(stats, worker->loop, REFUSED_AT_CONTROL, REFUSED_ACCESS_LIST);
		log_info("client refused by access list", log_str("peer", addr_format(peer, text)));
		close(fd);
		return;
	}
	entry_start(worker, fd, peer, local);
}

static void on_heartbeat(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct worker *worker = timer->data;

	(void)ev;
	(void)events;
	tunnel_beat_all(&worker->tunnels, worker->beats++);
	dialogue_let_go_ahead(worker, false);
}

/* In place of the listener that there is. */
static bool listen_at(struct worker *worker, int fd)
{
	struct listener *listener = listener_new(worker->loop, fd, on_accept, worker);

	if (!listener) {
		close(fd);
		return false;
	}
	listener_free(worker->listener);
	worker->listener = listener;
	return true;
}

/* A control port that stays where it is. */
static void resize_buffers(struct worker *worker)
{
	const struct server_settings *settings = worker_settings(worker);

	if (worker->listener)
		listener_resize(worker->listener, &(struct sock_sizes){ (int)settings->sndbuf,
		                                                        (int)settings->recbuf });
}

bool worker_open(struct worker *worker, struct server_shared *shared, struct loop *loop,
                 const struct worker_terms *terms)
{
	*worker = (struct worker){ .shared = shared,
		                   .set = plugin_set_ref(terms->set),
		                   .limits = *terms->limits,
		                   .loop = loop };
	list_init(&worker->sessions);
	list_init(&worker->tunnels);
	stranger_list_init(&worker->strangers, &shared->strangers);
	deadline_list_init(&worker->first_frame, loop, FIRST_FRAME_MS,
	                   dialogue_on_first_frame_late);
	deadline_list_init(&worker->next_frame, loop, NEXT_FRAME_MS, dialogue_on_next_frame_late);
	deadline_list_init(&worker->silence, loop, WORKER_SILENCE_MS, dialogue_on_silence);
	deadline_list_init(&worker->waiting, loop, WAITING_MS, dialogue_on_waited);
	linger_list_init(&worker->lingerers, loop, &worker->limits.lingerers);
	relay_set_init(&worker->relays, loop,
	               &(struct relay_limits){ &worker->limits.settings.relay_idle_timeout,
	                                       worker->limits.pipes, true });
	worker->relays.on_moved = forward_count;
	ev_timer_init(&worker->heartbeat, on_heartbeat, heartbeat_s, heartbeat_s);
	worker->heartbeat.data = worker;
	ev_timer_start(loop_ev(loop), &worker->heartbeat);
	return listen_at(worker, terms->listen_fd);
}

void worker_renew(struct worker *worker, const struct worker_terms *terms)
{
	struct plugin_set *old = worker->set;

	if (terms->listen_fd >= 0 && !listen_at(worker, terms->listen_fd))
		log_error("control port not moved: out of memory",
		          log_int("worker", loop_index(worker->loop)));
	worker->set = plugin_set_ref(terms->set);
	worker->limits = *terms->limits;
	plugin_set_unref(old);
	resize_buffers(worker);
	dialogue_let_go_ahead(worker, true);
	judge_all_anew(&worker->sessions);
}

void worker_drain(struct worker *worker)
{
	tunnel_stop_accepting_all(&worker->tunnels);
}

void worker_stop_listening(struct worker *worker)
{
	listener_free(worker->listener);
	worker->listener = NULL;
}

void worker_close(struct worker *worker)
{
	worker_stop_listening(worker);
	ev_timer_stop(loop_ev(worker->loop), &worker->heartbeat);
	control_end_all(&worker->sessions);
	relay_set_fini(&worker->relays);
	linger_list_fini(&worker->lingerers);
	deadline_list_fini(&worker->first_frame);
	deadline_list_fini(&worker->next_frame);
	deadline_list_fini(&worker->silence);
	deadline_list_fini(&worker->waiting);
	plugin_set_unref(worker->set);
}
