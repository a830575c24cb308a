#include "relay/relay.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "log/log.h"
#include "loop/loop.h"
#include "net/sock.h"
#include "net/stream.h"
#include "relay/flow.h"
#include "relay/throttle.h"

static const double sweep_s = 1.0;

/* Of a relay with a limited rate. */
struct brake {
	struct throttle throttles[2]; /* of the flows */
	ev_timer pause;               /* runs while a flow may not read */
};

/* flows[i] comes from streams[i] and goes to streams[!i]. */
struct relay {
	struct list node; /* in set->all */
	struct relay_set *set;
	struct stream *streams[2]; /* owned */
	struct flow flows[2];
	struct brake *brake;  /* owned; NULL: no limit */
	uint64_t reported[2]; /* bytes of each flow that on_moved has received */
	relay_end_fn on_end;
	void *arg;
	char *error; /* owned; of relay_end_fn */
	struct loop_task reap;
	uint64_t seen;    /* bytes of both flows at the last sweep */
	int64_t quiet_ms; /* when a sweep first saw this number of bytes */
	bool kept_alive;  /* keepalive is on: the relay has lasted for a while */
	bool over;
};

static void tell_moved(struct relay *relay)
{
	uint64_t moved[2];

	for (int i = 0; i < 2; i++) {
		moved[i] = relay->flows[i].bytes - relay->reported[i];
		relay->reported[i] += moved[i];
	}
	if (relay->set->on_moved && (moved[0] || moved[1]))
		relay->set->on_moved(moved, relay->arg);
}

static void run_end_relay(struct loop_task *task)
{
	struct relay *relay = CONTAINER_OF(task, struct relay, reap);
	uint64_t bytes[2] = { relay->flows[0].bytes, relay->flows[1].bytes };

	tell_moved(relay);
	relay->on_end(bytes, relay->error, relay->arg);
	free(relay->error);
	free(relay->brake);
	free(relay);
}

static void finish_relay(struct relay *relay, bool reset)
{
	if (relay->over)
		return;
	relay->over = true;
	list_remove(&relay->node);
	relay->set->count--;
	if (relay->brake)
		ev_timer_stop(loop_ev(relay->set->loop), &relay->brake->pause);
	for (int i = 0; i < 2; i++) {
		stream_close(relay->streams[i], reset);
		flow_fini(&relay->flows[i], &relay->set->pipes);
	}
	loop_reap(relay->set->loop, &relay->reap);
}

/* ---- the limit on the rate ---- */

/* How many bytes a flow of a relay with a brake may read now. This and hold_back are not inlined,
 * so that other relays do not pay for them. */
__attribute__((noinline)) static size_t braked_room(struct relay *relay, int from)
{
	return throttle_room(&relay->brake->throttles[from], relay->flows[from].bytes,
	                     loop_now_ms(relay->set->loop));
}

static void start_pause(struct relay *relay, int from)
{
	ev_timer *pause = &relay->brake->pause;

	if (ev_is_active(pause))
		return;
	ev_timer_set(pause, (double)throttle_wait_ms(&relay->brake->throttles[from]) / 1000.0, 0.0);
	ev_timer_start(loop_ev(relay->set->loop), pause);
}

/* A flow that may not read now does not want to; it is looked at again after a pause. */
__attribute__((noinline)) static void hold_back(struct relay *relay, unsigned wants[2])
{
	for (int i = 0; i < 2; i++) {
		if (!(wants[i] & SPORE_READ) || braked_room(relay, i) > 0)
			continue;
		wants[i] &= ~(unsigned)SPORE_READ;
		start_pause(relay, i);
	}
}

static void update_relay_wants(struct relay *relay);

static void on_pause_over(struct ev_loop *ev, ev_timer *timer, int events)
{
	(void)ev;
	(void)events;
	update_relay_wants(timer->data);
}

/* False: out of memory. */
static bool limit_rate(struct relay *relay, uint64_t rate)
{
	struct brake *brake = relay->brake = calloc(1, sizeof *brake);

	if (!brake)
		return false;
	for (int i = 0; i < 2; i++)
		throttle_init(&brake->throttles[i], rate, loop_now_ms(relay->set->loop));
	ev_timer_init(&brake->pause, on_pause_over, 0.0, 0.0);
	brake->pause.data = relay;
	return true;
}

/* ---- the flows ---- */

static struct flow_ends ends_of(const struct relay *relay, int from)
{
	return (struct flow_ends){ .from = relay->streams[from],
		                   .to = relay->streams[!from],
		                   .loop = relay->set->loop,
		                   .pipes = &relay->set->pipes,
		                   .is_last = relay->flows[!from].state == FLOW_ENDED,
		                   .most = SIZE_MAX };
}

/* What a stream waits for: its own flow reads it, the other one writes it. */
static unsigned wants_of(const struct relay *relay, int i)
{
	return (flow_reads(&relay->flows[i]) ? SPORE_READ : 0) |
	       (flow_writes(&relay->flows[!i]) ? SPORE_WRITE : 0);
}

static void update_relay_wants(struct relay *relay)
{
	const struct flow *flows = relay->flows;
	unsigned wants[2];

	if (flow_is_over(&flows[0]) && flow_is_over(&flows[1])) {
		finish_relay(relay, flows[0].state == FLOW_BROKEN || flows[1].state == FLOW_BROKEN);
		return;
	}
	wants[0] = wants_of(relay, 0);
	wants[1] = wants_of(relay, 1);
	if (relay->brake)
		hold_back(relay, wants);
	stream_want(relay->streams[0], wants[0]);
	stream_want(relay->streams[1], wants[1]);
}

static void drain_flow(struct relay *relay, int from)
{
	struct flow_ends ends = ends_of(relay, from);

	flow_drain(&relay->flows[from], &ends);
}

static void fail_relay(struct relay *relay, int from)
{
	const char *complaint = stream_complaint(relay->streams[from]);

	relay->error = complaint ? strdup(complaint) : NULL;
	finish_relay(relay, true);
}

static void pump_flow(struct relay *relay, int from)
{
	struct flow_ends ends = ends_of(relay, from);

	if (relay->brake)
		ends.most = braked_room(relay, from);
	if (!flow_pump(&relay->flows[from], &ends))
		fail_relay(relay, from);
}

static void join_flow(struct relay *relay, int from)
{
	struct flow_ends ends = ends_of(relay, from);

	if (relay->brake)
		ends.most = braked_room(relay, from);
	if (!flow_join(&relay->flows[from], &ends))
		fail_relay(relay, from);
}

static void on_relay_stream(struct stream *stream, unsigned events, void *arg)
{
	struct relay *relay = arg;
	int side = stream == relay->streams[1];

	if (events & STREAM_WRITABLE)
		drain_flow(relay, !side);
	if (events & STREAM_READABLE)
		pump_flow(relay, side);
	if (!relay->over)
		update_relay_wants(relay);
}

/* NULL: out of memory; nothing was taken. */
static struct relay *new_relay(struct relay_set *set, const struct relay_plan *plan)
{
	struct relay *relay = calloc(1, sizeof *relay);

	if (!relay)
		return NULL;
	relay->set = set;
	if (plan->rate && !limit_rate(relay, plan->rate)) {
		free(relay);
		return NULL;
	}
	relay->streams[0] = plan->left;
	relay->streams[1] = plan->right;
	relay->flows[0].spill = *plan->for_right;
	relay->flows[1].spill = *plan->for_left;
	relay->flows[1].own = plan->for_left->len;
	*plan->for_left = *plan->for_right = (struct buf){ 0 };
	relay->quiet_ms = loop_now_ms(set->loop);
	relay->reap.run = run_end_relay;
	return relay;
}

static void drop_plan(struct relay_set *set, const struct relay_plan *plan)
{
	log_error("connection reset: out of memory", log_int("relays", set->count));
	stream_close(plan->left, true);
	stream_close(plan->right, true);
	buf_fini(plan->for_left);
	buf_fini(plan->for_right);
}

void relay_start(struct relay_set *set, const struct relay_plan *plan, relay_end_fn on_end,
                 void *arg)
{
	bool has_own = plan->for_left->len > 0;
	struct relay *relay = new_relay(set, plan);

	if (!relay) {
		drop_plan(set, plan);
		on_end((const uint64_t[2]){ 0, 0 }, NULL, arg);
		return;
	}
	relay->on_end = on_end;
	relay->arg = arg;
	list_append(&set->all, &relay->node);
	set->count++;
	for (int i = 0; i < 2; i++)
		stream_set_owner(relay->streams[i], on_relay_stream, relay);
	if (set->right_waited && has_own)
		join_flow(relay, 1);
	for (int i = 0; i < 2 && !relay->over; i++)
		drain_flow(relay, i);
	if (set->right_waited && !has_own)
		pump_flow(relay, 1);
	if (!relay->over)
		update_relay_wants(relay);
}

/* ---- relays whose watchers do not run, and idle ones ---- */

/* A stream is not read after its end, while the other side takes nothing, or during a pause. It may
 * be reset meanwhile, so ask the kernel. A stream that has ended in order is left alone while its
 * bytes drain. */
static bool has_died(struct relay *relay, int side)
{
	const struct flow *from = &relay->flows[side], *to = &relay->flows[!side];
	struct pollfd fd = { stream_fd(relay->streams[side]), 0, 0 };
	bool reads = flow_reads(from) && !(relay->brake && braked_room(relay, side) == 0);

	if (reads || from->state == FLOW_ENDING || flow_is_over(to))
		return false;
	return poll(&fd, 1, 0) > 0 && fd.revents & (POLLERR | POLLHUP);
}

static bool is_idle(struct relay *relay)
{
	uint64_t bytes = relay->flows[0].bytes + relay->flows[1].bytes;
	int64_t now_ms = loop_now_ms(relay->set->loop);
	int64_t idle_ms = relay->set->idle_ms ? *relay->set->idle_ms : 0;

	if (relay->seen != bytes) {
		relay->seen = bytes;
		relay->quiet_ms = now_ms;
	}
	return idle_ms && now_ms - relay->quiet_ms >= idle_ms;
}

static void keep_alive(struct relay *relay)
{
	if (relay->kept_alive)
		return;
	relay->kept_alive = true;
	for (int i = 0; i < 2; i++)
		sock_keep_alive(stream_fd(relay->streams[i]));
}

static void on_sweep(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct relay_set *set = timer->data;
	struct list *next;

	(void)ev;
	(void)events;
	for (struct list *i = set->all.next; i != &set->all; i = next) {
		struct relay *relay = CONTAINER_OF(i, struct relay, node);

		next = i->next;
		tell_moved(relay);
		keep_alive(relay);
		if (has_died(relay, 0) || has_died(relay, 1) || is_idle(relay))
			finish_relay(relay, true);
	}
}

void relay_set_init(struct relay_set *set, struct loop *loop, const struct relay_limits *limits)
{
	set->loop = loop;
	set->idle_ms = limits->idle_ms;
	set->right_waited = limits->right_waited;
	pipe_pool_init(&set->pipes, limits->most_pipes);
	set->count = 0;
	set->on_moved = NULL;
	list_init(&set->all);
	ev_timer_init(&set->sweep, on_sweep, sweep_s, sweep_s);
	set->sweep.data = set;
	ev_timer_start(loop_ev(loop), &set->sweep);
}

void relay_set_fini(struct relay_set *set)
{
	ev_timer_stop(loop_ev(set->loop), &set->sweep);
	while (!list_is_empty(&set->all))
		finish_relay(CONTAINER_OF(set->all.next, struct relay, node), true);
	pipe_pool_fini(&set->pipes);
}

/* ---- for the admin commands ---- */

static struct relay_view view_of(const struct relay *relay)
{
	uint64_t up = relay->flows[0].bytes, down = relay->flows[1].bytes;
	bool has_moved = relay->seen != up + down; /* since the last sweep */

	return (struct relay_view){ { up, down },
		                    has_moved ? 0 : loop_now_ms(relay->set->loop) - relay->quiet_ms,
		                    relay->arg };
}

void relay_each(struct relay_set *set, bool (*look)(const struct relay_view *view, void *arg),
                void *arg)
{
	for (struct list *i = set->all.next; i != &set->all; i = i->next) {
		struct relay_view view = view_of(CONTAINER_OF(i, struct relay, node));

		if (!look(&view, arg))
			return;
	}
}

unsigned relay_reset_matching(struct relay_set *set,
                              bool (*is_meant)(const void *relay_arg, uint64_t id), uint64_t id)
{
	struct list *next;
	unsigned n = 0;

	for (struct list *i = set->all.next; i != &set->all; i = next) {
		struct relay *relay = CONTAINER_OF(i, struct relay, node);

		next = i->next;
		if (is_meant(relay->arg, id)) {
			finish_relay(relay, true);
			n++;
		}
	}
	return n;
}
