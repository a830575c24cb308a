#include "quota/gate.h"

#include "base/container.h"
#include "quota/limits.h"

void gate_init(struct gate *gate)
{
	pthread_mutex_init(&gate->lock, NULL);
	list_init(&gate->waiting);
	atomic_init(&gate->n_waiting, 0);
	atomic_init(&gate->inside, 0);
	atomic_init(&gate->is_closed, false);
}

void gate_fini(struct gate *gate)
{
	pthread_mutex_destroy(&gate->lock);
}

void gate_door_init(struct gate_door *door, struct loop *loop, atomic_uint *inside,
                    void (*run_wake)(struct loop_task *wake))
{
	list_init(&door->node);
	door->loop = loop;
	door->wake = (struct loop_task){ .run = run_wake };
	door->stays_open = door->waking = false;
	door->inside = inside;
	door->has_room = NULL;
}

bool gate_is_full(struct gate *gate, const struct limits *limits)
{
	return atomic_load(&gate->inside) >= limit_of(limits->settings.max_pending);
}

bool gate_is_open(struct gate *gate, const struct gate_door *door, const struct limits *limits)
{
	unsigned most = limit_of(limits->settings.max_pending_per_tunnel);

	if (gate_is_full(gate, limits))
		return false;
	return door->has_room ? door->has_room(door, most) : atomic_load(door->inside) < most;
}

struct limit_hit gate_limit(const struct gate *gate, const struct limits *limits)
{
	const struct limit_settings *settings = &limits->settings;
	/* A visitor may have left meanwhile. */
	bool is_full = atomic_load(&gate->inside) >= limit_of(settings->max_pending) ||
	               !settings->max_pending_per_tunnel;

	return (struct limit_hit){
		.why = REFUSED_PENDING,
		.most = is_full ? settings->max_pending : settings->max_pending_per_tunnel,
		.from = is_full ? "limits.max_pending" : "limits.max_pending_per_tunnel",
	};
}

static bool lets_in(struct gate *gate, const struct gate_door *door, const struct limits *limits)
{
	return (door->stays_open || !atomic_load(&gate->is_closed)) &&
	       gate_is_open(gate, door, limits);
}

/* The caller holds the lock. */
static void remove_from_queue(struct gate *gate, struct gate_door *door)
{
	if (list_is_empty(&door->node))
		return;
	list_remove(&door->node);
	atomic_fetch_sub(&gate->n_waiting, 1);
}

bool gate_has_room(struct gate *gate, struct gate_door *door, const struct limits *limits)
{
	bool open = lets_in(gate, door, limits);

	if (open)
		return true;
	pthread_mutex_lock(&gate->lock);
	if (list_is_empty(&door->node) && !door->waking) {
		list_append(&gate->waiting, &door->node);
		atomic_fetch_add(&gate->n_waiting, 1);
	}
	/* A visitor may have left before the door was in the list. */
	open = lets_in(gate, door, limits);
	if (open)
		remove_from_queue(gate, door);
	pthread_mutex_unlock(&gate->lock);
	return open;
}

void gate_woken(struct gate *gate, struct gate_door *door)
{
	pthread_mutex_lock(&gate->lock);
	door->waking = false;
	pthread_mutex_unlock(&gate->lock);
}

void gate_door_recount(struct gate *gate, struct gate_door *door, atomic_uint *inside,
                       const struct limits *limits)
{
	pthread_mutex_lock(&gate->lock);
	door->inside = inside;
	pthread_mutex_unlock(&gate->lock);
	gate_pass_on(gate, limits); /* the new account may have room */
}

bool gate_shut(struct gate *gate, struct gate_door *door)
{
	bool waking;

	pthread_mutex_lock(&gate->lock);
	remove_from_queue(gate, door);
	waking = door->waking;
	pthread_mutex_unlock(&gate->lock);
	return !waking;
}

void gate_enter(struct gate *gate, atomic_uint *inside)
{
	atomic_fetch_add(&gate->inside, 1);
	atomic_fetch_add(inside, 1);
}

static void wake_first_with_room(struct gate *gate, const struct limits *limits)
{
	pthread_mutex_lock(&gate->lock);
	for (struct list *i = gate->waiting.next; i != &gate->waiting; i = i->next) {
		struct gate_door *door = CONTAINER_OF(i, struct gate_door, node);

		if (!lets_in(gate, door, limits))
			continue;
		remove_from_queue(gate, door);
		door->waking = true;
		loop_post(door->loop, &door->wake);
		break;
	}
	pthread_mutex_unlock(&gate->lock);
}

void gate_close(struct gate *gate)
{
	atomic_store(&gate->is_closed, true);
}

void gate_open(struct gate *gate, const struct limits *limits)
{
	atomic_store(&gate->is_closed, false);
	gate_pass_on(gate, limits);
}

void gate_hold_open(struct gate *gate, struct gate_door *door, const struct limits *limits)
{
	pthread_mutex_lock(&gate->lock);
	door->stays_open = true;
	pthread_mutex_unlock(&gate->lock);
	gate_pass_on(gate, limits);
}

bool gate_is_closed(const struct gate *gate)
{
	return atomic_load(&gate->is_closed);
}

void gate_pass_on(struct gate *gate, const struct limits *limits)
{
	if (atomic_load(&gate->n_waiting) > 0)
		wake_first_with_room(gate, limits);
}

void gate_leave(struct gate *gate, atomic_uint *inside)
{
	atomic_fetch_sub(inside, 1);
	atomic_fetch_sub(&gate->inside, 1);
}
