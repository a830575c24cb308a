#include "relay/relay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/zeroed.h"
#include "log/log.h"
#include "loop/loop.h"
#include "net/stream.h"
#include "relay/brake.h"
#include "relay/checkup.h"
#include "relay/courier.h"
#include "relay/flow.h"
#include "uring/uring.h"

static const double sweep_s = 1.0;
/* A relay is quiet if no byte has moved for this long. */
enum { QUIET_MS = 500 };
/* A relay gets a courier after COURIER_TURNS turns without bulk data. Each time that bulk data or a
 * slow reader stops the courier, the relay waits twice as many turns, at most COURIER_MOST_TURNS.
 * A courier that was quiet for COURIER_QUIET_MS is stopped, since it takes memory of the kernel. */
enum { COURIER_TURNS = 16, COURIER_MOST_TURNS = 1 << 14, COURIER_QUIET_MS = 10000 };
/* A relay has a courier only if it may hold this many bytes. If many bytes come while the worker is
 * busy, a courier may hold more: the kernel receives until the buffers of the ring are used up. */
static const size_t courier_least_held = (size_t)128 * 1024;

/* flows[i] comes from streams[i] and goes to streams[!i]. */
struct relay {
	struct list node; /* in set->all */
	struct relay_set *set;
	struct stream *streams[2]; /* owned */
	struct flow flows[2];
	struct brake *brake;           /* owned; NULL: no limit */
	struct bucket *buckets[2];     /* borrowed; of struct relay_plan */
	struct courier *courier;       /* owned; NULL: the flows move the bytes */
	uint16_t turns, courier_turns; /* without bulk; before the next courier */
	uint64_t reported[2];          /* bytes of each flow that on_moved has received */
	relay_end_fn on_end;
	void *arg;
	enum relay_cause cause; /* once it is over */
	char *error;            /* owned; of relay_end_fn */
	struct loop_task reap;
	uint64_t seen_bytes;    /* bytes of both flows at the last sweep */
	int64_t quiet_since_ms; /* when a sweep first saw this number of bytes */
	struct checkup checkup;
	bool over;
};

/* False: the relay must end. */
static bool report_bytes(struct relay *relay)
{
	uint64_t moved[2];

	for (int i = 0; i < 2; i++) {
		moved[i] = relay->flows[i].bytes - relay->reported[i];
		relay->reported[i] += moved[i];
	}
	return !relay->set->on_moved || !(moved[0] || moved[1]) ||
	       relay->set->on_moved(moved, relay->arg);
}

static void run_end_relay(struct loop_task *task)
{
	struct relay *relay = CONTAINER_OF(task, struct relay, reap);
	struct relay_end end = { { relay->flows[0].bytes, relay->flows[1].bytes },
		                 relay->cause,
		                 relay->error };

	report_bytes(relay);
	relay->on_end(&end, relay->arg);
	free(relay->error);
	brake_free(relay->brake);
	free(relay);
}

static void free_courier(struct relay *relay)
{
	relay->set->n_couriers--;
	free(relay->courier);
	relay->courier = NULL;
}

static void end_relay(struct relay *relay, enum relay_cause cause, bool reset)
{
	if (relay->over)
		return;
	relay->over = true;
	relay->cause = cause;
	list_remove(&relay->node);
	relay->set->count--;
	if (relay->brake)
		brake_stop(relay->brake);
	if (relay->courier && courier_drop(relay->courier))
		free_courier(relay);
	for (int i = 0; i < 2; i++) {
		stream_close(relay->streams[i], reset);
		flow_fini(&relay->flows[i], &relay->set->pipes);
	}
	if (!relay->courier)
		loop_reap(relay->set->loop, &relay->reap);
}

static void finish_relay(struct relay *relay, enum relay_cause cause)
{
	end_relay(relay, cause, cause != RELAY_FINISHED && cause != RELAY_LEFT_EMPTY);
}

/* ---- the flows ---- */

static struct flow_ends ends_of(const struct relay *relay, int from)
{
	enum flow_state other = relay->flows[!from].state;

	return (struct flow_ends){ .from = relay->streams[from],
		                   .to = relay->streams[!from],
		                   .loop = relay->set->loop,
		                   .pipes = &relay->set->pipes,
		                   .is_last = other == FLOW_ENDED,
		                   .other_is_open = other == FLOW_OPEN,
		                   .look = from && relay->set->right_may_end ? &relay->set->look
		                                                             : NULL,
		                   .most = relay->set->most_held };
}

/* What stream i waits for: flow i reads it, and the other flow writes to it. */
static unsigned wants_of(const struct relay *relay, int i)
{
	return (flow_reads(&relay->flows[i]) ? SPORE_READ : 0) |
	       (flow_writes(&relay->flows[!i]) ? SPORE_WRITE : 0);
}

/* Why the relay ends when this stream has failed. */
static enum relay_cause break_of(const struct relay *relay, int side)
{
	if (stream_has_vanished(relay->streams[side]))
		return side ? RELAY_RIGHT_LOST : RELAY_LEFT_LOST;
	return side ? RELAY_RIGHT_BROKEN : RELAY_LEFT_BROKEN;
}

/* Why the relay ends when both flows are over. */
static enum relay_cause cause_of(const struct relay *relay)
{
	const struct flow *flows = relay->flows;

	if (flows[0].state == FLOW_BROKEN)
		return break_of(relay, 1);
	if (flows[1].state == FLOW_BROKEN)
		return break_of(relay, 0);
	return flows[0].ended_empty ? RELAY_LEFT_EMPTY : RELAY_FINISHED;
}

/* Removes SPORE_READ from the wants of a flow that may not read now. It is not inlined, so that
 * relays without a brake do not pay for it. */
__attribute__((noinline)) static void hold_back(struct relay *relay, unsigned wants[2])
{
	for (int i = 0; i < 2; i++) {
		if (wants[i] & SPORE_READ && brake_holds(relay->brake, i, relay->flows[i].bytes))
			wants[i] &= ~(unsigned)SPORE_READ;
	}
}

static void update_relay_wants(struct relay *relay)
{
	const struct flow *flows = relay->flows;
	unsigned wants[2];

	if (flow_is_over(&flows[0]) && flow_is_over(&flows[1])) {
		finish_relay(relay, cause_of(relay));
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

/* The stream of this index has failed while the relay read from it. */
static void fail_relay(struct relay *relay, int from)
{
	const char *complaint = stream_complaint(relay->streams[from]);

	relay->error = complaint ? strdup(complaint) : NULL;
	finish_relay(relay, break_of(relay, from));
}

/* ---- reading ---- */

typedef bool (*read_fn)(struct flow *flow, const struct flow_ends *ends);

/* The flow reads as much as the brake lets it. Not inlined, as hold_back. */
__attribute__((noinline)) static bool read_braked(struct relay *relay, int from,
                                                  struct flow_ends *ends, read_fn read)
{
	struct flow *flow = &relay->flows[from];
	uint64_t before = flow_received(flow);
	size_t room = brake_take(relay->brake, from, flow->bytes);
	bool good;

	if (!room)
		return true;
	if (room < ends->most)
		ends->most = room;
	good = read(flow, ends);
	brake_settle(relay->brake, from, (size_t)(flow_received(flow) - before));
	return good;
}

static void pump_flow(struct relay *relay, int from)
{
	struct flow_ends ends = ends_of(relay, from);
	struct flow *flow = &relay->flows[from];
	bool good = true;

	if (!relay->brake)
		good = flow_pump(flow, &ends);
	else if (flow_reads(flow))
		good = read_braked(relay, from, &ends, flow_pump);
	if (!good)
		fail_relay(relay, from);
}

static void join_flow(struct relay *relay, int from)
{
	struct flow_ends ends = ends_of(relay, from);
	struct flow *flow = &relay->flows[from];

	if (!(relay->brake ? read_braked(relay, from, &ends, flow_join) : flow_join(flow, &ends)))
		fail_relay(relay, from);
}

/* ---- the limits on the rate ---- */

static void on_turn(int flow, void *arg)
{
	struct relay *relay = arg;

	pump_flow(relay, flow);
	if (!relay->over)
		update_relay_wants(relay);
}

static void on_pause_over(void *arg)
{
	update_relay_wants(arg);
}

/* False: out of memory. */
static bool add_brake(struct relay *relay, uint64_t rate)
{
	struct brake_terms terms = { .loop = relay->set->loop,
		                     .rate = rate,
		                     .buckets = { relay->buckets[0], relay->buckets[1] },
		                     .on_turn = on_turn,
		                     .on_pause_over = on_pause_over,
		                     .arg = relay };
	uint64_t moved[2] = { relay->flows[0].bytes, relay->flows[1].bytes };

	if (!brake_is_needed(rate, relay->buckets))
		return true;
	relay->brake = brake_new(&terms, moved);
	return relay->brake != NULL;
}

/* ---- the courier ---- */

static void drain_for_courier(int flow, void *arg)
{
	drain_flow(arg, flow);
}

/* Notes why it has stopped. False: the relay must be reset. */
static bool learn_from(struct relay *relay, const struct courier *courier)
{
	if (courier->crowded && relay->courier_turns < COURIER_MOST_TURNS)
		relay->courier_turns *= 2;
	relay->set->uring_refused = relay->set->uring_refused || courier->refused;
	return !courier->failed;
}

static void on_courier_over(void *arg)
{
	struct relay *relay = arg;
	bool is_whole = learn_from(relay, relay->courier);

	free_courier(relay);
	if (relay->over) {
		loop_reap(relay->set->loop, &relay->reap);
		return;
	}
	if (!is_whole) {
		finish_relay(relay, RELAY_RIGHT_BROKEN);
		return;
	}
	drain_flow(relay, 0);
	drain_flow(relay, 1);
	update_relay_wants(relay);
}

static void start_courier(struct relay *relay)
{
	struct relay_set *set = relay->set;
	struct courier_terms terms = {
		.uring = set->uring,
		.streams = { relay->streams[0], relay->streams[1] },
		.flows = { &relay->flows[0], &relay->flows[1] },
		.drain = drain_for_courier,
		.on_over = on_courier_over,
		.arg = relay,
	};

	relay->turns = 0;
	relay->courier = malloc(sizeof *relay->courier);
	if (!relay->courier)
		return;
	set->n_couriers++;
	if (!courier_start(relay->courier, &terms))
		free_courier(relay);
}

static bool may_have_courier(const struct relay *relay)
{
	return !relay->brake && relay->set->most_held >= courier_least_held &&
	       flow_reads(&relay->flows[0]) && flow_reads(&relay->flows[1]) &&
	       stream_is_bare(relay->streams[0]) && stream_is_bare(relay->streams[1]) &&
	       !relay->set->uring_refused;
}

/* Call it in each turn of a relay without a courier, if there is io_uring. */
static void consider_courier(struct relay *relay)
{
	const struct flow *flows = relay->flows;

	uring_note(relay->set->uring);
	if (flows[0].bulk || flows[1].bulk || flows[0].full_reads || flows[1].full_reads)
		relay->turns = 0;
	else if (relay->turns < relay->courier_turns)
		relay->turns++;
	else if (uring_pays(relay->set->uring) && may_have_courier(relay))
		start_courier(relay);
}

static void stop_couriers(struct relay_set *set)
{
	for (struct list *i = set->all.next; i != &set->all; i = i->next) {
		struct relay *relay = CONTAINER_OF(i, struct relay, node);

		if (relay->courier)
			courier_stop(relay->courier);
	}
}

/* All bytes that the couriers have received are in the flows afterwards. */
static void end_couriers(struct relay_set *set)
{
	while (set->n_couriers > 0) {
		stop_couriers(set); /* again, if the ring had no room */
		uring_wait(set->uring);
	}
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
	if (!relay->over && relay->set->uring && !relay->courier)
		consider_courier(relay);
}

/* NULL: out of memory; nothing was taken. */
static struct relay *new_relay(struct relay_set *set, const struct relay_plan *plan)
{
	struct relay *relay = zeroed_new(sizeof *relay);

	if (!relay)
		return NULL;
	relay->set = set;
	relay->courier_turns = COURIER_TURNS;
	relay->buckets[0] = plan->buckets[0];
	relay->buckets[1] = plan->buckets[1];
	if (!add_brake(relay, plan->rate)) {
		free(relay);
		return NULL;
	}
	relay->streams[0] = plan->left;
	relay->streams[1] = plan->right;
	relay->flows[0].spill = *plan->for_right;
	relay->flows[1].spill = *plan->for_left;
	relay->flows[0].own = plan->own_for_right;
	relay->flows[1].own = plan->for_left->len;
	relay->flows[1].bytes = plan->moved_left;
	for (int i = 0; relay->brake && i < 2; i++)
		brake_charge(relay->brake, i, (size_t)flow_received(&relay->flows[i]));
	*plan->for_left = *plan->for_right = (struct buf){ 0 };
	relay->quiet_since_ms = loop_now_ms(set->loop);
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

/* Input that has left the socket would only be read in the next turn. */
static void pump_what_has_come(struct relay *relay, int from)
{
	if (stream_has_input(relay->streams[from]))
		pump_flow(relay, from);
}

void relay_start(struct relay_set *set, const struct relay_plan *plan, relay_end_fn on_end,
                 void *arg)
{
	bool has_own = plan->for_left->len > 0;
	bool reads_right = set->right_waited && plan->moved_left == 0;
	struct relay *relay = new_relay(set, plan);

	if (!relay) {
		drop_plan(set, plan);
		on_end(&(struct relay_end){ .cause = RELAY_NO_MEMORY }, arg);
		return;
	}
	relay->on_end = on_end;
	relay->arg = arg;
	list_append(&set->all, &relay->node);
	set->count++;
	for (int i = 0; i < 2; i++)
		stream_set_owner(relay->streams[i], on_relay_stream, relay);
	/* If there are bytes of our own for the left stream, the input of a right stream that has
	 * waited leaves in one write with them. If some of the input has left before, there is
	 * hardly any more yet. */
	if (reads_right && has_own)
		join_flow(relay, 1);
	/* The visitor's first bytes leave in one write with what we have put in front of them. */
	if (plan->own_for_right > 0 && !relay->over)
		join_flow(relay, 0);
	for (int i = 0; i < 2 && !relay->over; i++)
		drain_flow(relay, i);
	if (reads_right && !has_own && !relay->over)
		pump_flow(relay, 1);
	for (int i = 0; i < 2 && !relay->over; i++)
		pump_what_has_come(relay, i);
	if (!relay->over)
		update_relay_wants(relay);
}

/* ---- the sweep ---- */

static int64_t quiet_ms_of(const struct relay *relay)
{
	return loop_now_ms(relay->set->loop) - relay->quiet_since_ms;
}

static void note_activity(struct relay *relay)
{
	uint64_t bytes = relay->flows[0].bytes + relay->flows[1].bytes;

	if (relay->seen_bytes == bytes)
		return;
	relay->seen_bytes = bytes;
	relay->quiet_since_ms = loop_now_ms(relay->set->loop);
	checkup_note_bytes(&relay->checkup);
}

static bool is_idle(const struct relay *relay)
{
	int64_t idle_ms = relay->set->idle_ms ? *relay->set->idle_ms : 0;

	return idle_ms && quiet_ms_of(relay) >= idle_ms;
}

/* Also a courier that could not be stopped before. */
static bool must_stop(const struct relay *relay)
{
	const struct relay_set *set = relay->set;

	return relay->courier->stopping || relay->brake || set->most_held < courier_least_held ||
	       quiet_ms_of(relay) >= COURIER_QUIET_MS;
}

/* False: it goes on. */
static bool must_end(struct relay *relay, const struct checkup_subject *subject,
                     enum relay_cause *cause_out)
{
	int side;

	switch (checkup_look(&relay->checkup, subject, &side)) {
	case CHECKUP_DIED:
		*cause_out = break_of(relay, side);
		return true;
	case CHECKUP_LEFT:
		*cause_out = RELAY_FINISHED;
		return true;
	case CHECKUP_LOST:
		*cause_out = side ? RELAY_RIGHT_LOST : RELAY_LEFT_LOST;
		return true;
	case CHECKUP_FINE:
		break;
	}
	*cause_out = RELAY_IDLE;
	return is_idle(relay);
}

static void sweep_relay(struct relay *relay, bool host_was_lost)
{
	struct checkup_subject subject = { .streams = relay->streams,
		                           .flows = relay->flows,
		                           .watch = &relay->set->watch };
	enum relay_cause cause;

	if (!report_bytes(relay)) {
		finish_relay(relay, RELAY_USED_UP);
		return;
	}
	note_activity(relay);
	checkup_keep_alive(&relay->checkup, &subject);
	/* A shared limit may be new. Without memory, the next sweep tries again. */
	if (!relay->brake)
		add_brake(relay, 0);
	if (relay->courier && must_stop(relay))
		courier_stop(relay->courier);
	if (host_was_lost && (!relay->set->is_lost || relay->set->is_lost(relay->arg)))
		checkup_doubt_left(&relay->checkup, &subject);
	subject.brake = relay->brake;
	subject.quiet_ms = quiet_ms_of(relay);
	if (must_end(relay, &subject, &cause))
		finish_relay(relay, cause);
}

static void on_sweep(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct relay_set *set = timer->data;
	unsigned losses = set->losses ? atomic_load(set->losses) : 0;
	bool is_loss = losses != set->losses_seen;
	struct list *next;

	(void)ev;
	(void)events;
	set->losses_seen = losses;
	for (struct list *i = set->all.next; i != &set->all; i = next) {
		next = i->next;
		sweep_relay(CONTAINER_OF(i, struct relay, node), is_loss);
	}
}

/* NULL: the system does not allow it, which the log says once. */
static struct uring *open_uring(struct loop *loop)
{
	struct uring *uring = uring_new(loop);

	if (!uring && loop_index(loop) == 0)
		log_info("io_uring is not available: epoll is used for all messages",
		         log_str("error", strerrordesc_np(errno)));
	return uring;
}

void relay_set_init(struct relay_set *set, struct loop *loop, const struct relay_limits *limits)
{
	set->loop = loop;
	set->idle_ms = limits->idle_ms;
	set->watch = limits->watch;
	set->losses = limits->losses;
	set->losses_seen = 0;
	set->is_lost = limits->is_lost;
	set->right_waited = limits->right_waited;
	set->right_may_end = limits->right_may_end;
	set->look = (struct end_look){ 0 };
	set->most_held = limits->most_held ? limits->most_held : SIZE_MAX;
	pipe_pool_init(&set->pipes, limits->most_pipes);
	set->count = 0;
	set->n_couriers = 0;
	set->uring_refused = false;
	set->uring = limits->uses_uring && limits->most_pipes > 0 ? open_uring(loop) : NULL;
	set->on_moved = NULL;
	list_init(&set->all);
	ev_timer_init(&set->sweep, on_sweep, sweep_s, sweep_s);
	set->sweep.data = set;
	ev_timer_start(loop_ev(loop), &set->sweep);
}

/* Has no byte moved for QUIET_MS, and does the relay hold none? */
static bool is_quiet(const struct relay *relay)
{
	uint64_t bytes = relay->flows[0].bytes + relay->flows[1].bytes;

	return relay->seen_bytes == bytes && !flow_holds(&relay->flows[0]) &&
	       !flow_holds(&relay->flows[1]) && quiet_ms_of(relay) >= QUIET_MS;
}

void relay_set_fini(struct relay_set *set)
{
	ev_timer_stop(loop_ev(set->loop), &set->sweep);
	end_couriers(set);
	while (!list_is_empty(&set->all)) {
		struct relay *relay = CONTAINER_OF(set->all.next, struct relay, node);
		bool quiet = is_quiet(relay);

		end_relay(relay, quiet ? RELAY_STOPPED : RELAY_CUT_OFF, !quiet);
	}
	uring_free(set->uring);
	pipe_pool_fini(&set->pipes);
}

/* ---- for the admin commands ---- */

static struct relay_view view_of(const struct relay *relay)
{
	uint64_t up = relay->flows[0].bytes, down = relay->flows[1].bytes;
	bool has_moved = relay->seen_bytes != up + down; /* since the last sweep */

	return (struct relay_view){ { up, down }, has_moved ? 0 : quiet_ms_of(relay), relay->arg };
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

void relay_reset_matching(struct relay_set *set, bool (*is_meant)(const void *relay_arg, void *arg),
                          void *arg)
{
	struct list *next;

	for (struct list *i = set->all.next; i != &set->all; i = next) {
		struct relay *relay = CONTAINER_OF(i, struct relay, node);

		next = i->next;
		if (is_meant(relay->arg, arg))
			finish_relay(relay, RELAY_KICKED);
	}
}

void relay_reset_lost(struct relay_set *set, bool (*is_lost)(int left_fd, void *arg), void *arg)
{
	struct list *next;

	for (struct list *i = set->all.next; i != &set->all; i = next) {
		struct relay *relay = CONTAINER_OF(i, struct relay, node);

		next = i->next;
		if (is_lost(stream_fd(relay->streams[0]), arg))
			finish_relay(relay, RELAY_LEFT_LOST);
	}
}
