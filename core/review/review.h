/* review - which tunnels of a worker wait for the verdict of the present configuration, and when
 * each of them is asked about: the oldest first, REVIEW_AT_ONCE at a time, and again after a pause
 * if no instance could decide. session/tunnel_session asks. [worker] */
#ifndef CORE_REVIEW_H
#define CORE_REVIEW_H

#include <ev.h>

#include "base/list.h"
#include "review/review_round.h"

struct loop;

/* The most verdicts that a worker awaits, and the most that it asks for in one turn. */
enum { REVIEW_AT_ONCE = 8 };

/* A tunnel's, embedded in it. */
struct review {
	struct list node; /* in queue->waiting */
	struct review_queue *queue;
	enum { REVIEW_NONE, REVIEW_WAITING, REVIEW_ASKED, REVIEW_PAUSED } state;
	struct review_round *round; /* ref; NULL: no round counts it */
	unsigned tries;             /* in vain */
	ev_timer pause;
};

/* A worker's. */
struct review_queue {
	struct loop *loop;
	struct list waiting; /* of struct review */
	unsigned asked;
	ev_timer turn;
	/* Asks about the tunnel. Before or after it returns, review_pause or review_end must
	 * follow. */
	void (*ask)(struct review *review);
};

void review_queue_init(struct review_queue *queue, struct loop *loop,
                       void (*ask)(struct review *review));
/* All reviews have ended. */
void review_queue_fini(struct review_queue *queue);

void review_init(struct review *review, struct review_queue *queue);
/* The tunnel waits for its turn, behind all others. It must not have a review. round: NULL, or what
 * counts it. It is asked about in a later turn. */
void review_start(struct review *review, struct review_round *round);
/* No instance could decide: as in review_round_undecided. The tunnel is asked about again after a
 * pause, which doubles with each try. */
void review_pause(struct review *review, const char *plugin, int32_t status);
/* The tunnel has its outcome. Harmless without a review. */
void review_end(struct review *review, enum review_outcome outcome);

#endif
