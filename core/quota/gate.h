/* gate - how many visitors may wait for a client, of one tunnel and of all. Where there is no room
 * the public port accepts nobody, so they wait in the kernel's queue; whoever leaves, on whichever
 * worker, lets the next one in. */
#ifndef CORE_GATE_H
#define CORE_GATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/list.h"
#include "loop/loop.h"

struct limits;

struct gate {
	pthread_mutex_t lock;
	struct list waiting; /* of struct gate_door: have found no room */
	atomic_uint n_waiting;
	atomic_uint inside;
};

/* One tunnel's, embedded in it. */
struct gate_door {
	struct list node;      /* in gate->waiting */
	struct loop *loop;     /* the tunnel's */
	struct loop_task wake; /* runs there when there is room, or the door was shut meanwhile */
	bool waking;           /* under the gate's lock, as is the next */
	atomic_uint *inside;   /* borrowed: may outlive the door */
};

/* [main] */
void gate_init(struct gate *gate);
void gate_fini(struct gate *gate);

/* `inside` counts those of this door, and is the account's. [worker] */
void gate_door_init(struct gate_door *door, struct loop *loop, atomic_uint *inside,
                    void (*run_wake)(struct loop_task *wake));
/* From now on those count who enter with `inside`. [worker] */
void gate_door_recount(struct gate *gate, struct gate_door *door, atomic_uint *inside,
                       const struct limits *limits);
/* False: the door waits, and is woken once. [worker] */
bool gate_has_room(struct gate *gate, struct gate_door *door, const struct limits *limits);
/* Its wake runs: it may wait again. Whoever is woken lets in whom it can, then passes on what room
 * is left, since its own visitors may have gone. [worker] */
void gate_woken(struct gate *gate, struct gate_door *door);
void gate_pass_on(struct gate *gate, const struct limits *limits);
/* Nobody waits there any more. False: its wake is still on its way, and touches it. [worker] */
bool gate_shut(struct gate *gate, struct gate_door *door);

/* One more who waits for a client / one less. [any] */
void gate_enter(struct gate *gate, atomic_uint *inside);
void gate_leave(struct gate *gate, atomic_uint *inside);

#endif
