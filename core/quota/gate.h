/* gate - limits how many visitors wait for a client, on each tunnel and in all. While there is no
 * room, the public port accepts no visitors, so further visitors wait in the kernel's queue. Each
 * tunnel has a door. When a visitor leaves, on any worker, the gate wakes the first waiting door
 * that has room. */
#ifndef CORE_GATE_H
#define CORE_GATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/list.h"
#include "loop/loop.h"

struct limit_hit;
struct limits;

struct gate {
	pthread_mutex_t lock;
	struct list waiting;   /* of struct gate_door: those that found no room, oldest first */
	atomic_uint n_waiting; /* doors */
	atomic_uint inside;    /* visitors */
	atomic_bool is_closed; /* no port accepts a visitor, whatever room there is */
};

/* Embedded in a tunnel. */
struct gate_door {
	struct list node;      /* in gate->waiting */
	struct loop *loop;     /* the tunnel's */
	struct loop_task wake; /* posted to the loop when there is room */
	bool stays_open;       /* in a closed gate; under the gate's lock, read by its worker */
	bool waking;           /* the wake is posted and has not run; under the gate's lock */
	atomic_uint *inside;   /* borrowed; the tunnel's visitors; changes under the gate's lock */
	/* In place of `inside`, for a port that several tunnels share: may one of them have one
	 * more than `most` says? Called under the gate's lock. NULL: `inside` counts. [any] */
	bool (*has_room)(const struct gate_door *door, unsigned most);
};

/* [main] */
void gate_init(struct gate *gate);
void gate_fini(struct gate *gate);

/* inside: the count of this tunnel's waiting visitors, which its account holds. [worker] */
void gate_door_init(struct gate_door *door, struct loop *loop, atomic_uint *inside,
                    void (*run_wake)(struct loop_task *wake));
/* The tunnel has another account: from now on `inside` counts its waiting visitors. [worker] */
void gate_door_recount(struct gate *gate, struct gate_door *door, atomic_uint *inside,
                       const struct limits *limits);
/* Do as many visitors wait in all as may? [any] */
bool gate_is_full(struct gate *gate, const struct limits *limits);
/* Is there room? The door does not wait. [worker] */
bool gate_is_open(struct gate *gate, const struct gate_door *door, const struct limits *limits);
/* The limit for which it is not open. [worker] */
struct limit_hit gate_limit(const struct gate *gate, const struct limits *limits);
/* False: no room, or the gate is closed. The door then waits, and its wake will run once.
 * [worker] */
bool gate_has_room(struct gate *gate, struct gate_door *door, const struct limits *limits);
/* To be called when the wake runs. The door may wait again. After it has let its visitors in, call
 * gate_pass_on, since there may be room left. [worker] */
void gate_woken(struct gate *gate, struct gate_door *door);
/* From now on no door has room, until gate_open. A worker that has asked before may still let a
 * visitor in during its present turn. [any] */
void gate_close(struct gate *gate);
void gate_open(struct gate *gate, const struct limits *limits);
/* The closed gate does not concern this door any more. [worker] */
void gate_hold_open(struct gate *gate, struct gate_door *door, const struct limits *limits);
/* [any] */
bool gate_is_closed(const struct gate *gate);
/* Wakes the first waiting door that has room. [any] */
void gate_pass_on(struct gate *gate, const struct limits *limits);
/* The door waits no longer. False: its wake is posted, so the door must live until then.
 * [worker] */
bool gate_shut(struct gate *gate, struct gate_door *door);

/* One more visitor waits for its client. [any] */
void gate_enter(struct gate *gate, atomic_uint *inside);
/* One visitor less. The caller must then call gate_pass_on. [any] */
void gate_leave(struct gate *gate, atomic_uint *inside);

#endif
