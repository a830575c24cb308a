/* checkup - finds, once a second, what no event tells a relay: a stream that died while nobody read
 * it, a peer that is gone, and a unix socket whose peer has left while the other side stays. It
 * begins as zeroed memory. [worker] */
#ifndef CORE_CHECKUP_H
#define CORE_CHECKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/vigil.h"

struct brake;
struct flow;
struct stream;

/* When the peers of the streams are probed, and when they count as gone. [0] is for left peers. */
struct relay_watch {
	int64_t keepalive_ms[2]; /* an idle connection is probed after this time; 0: never */
	/* A relay is reset if a peer leaves data or probes unanswered for this long; 0: never. A
	 * peer that answers, but does not read, may do so for ever. */
	int64_t timeout_ms;
	/* In place of timeout_ms, if it is less, for a left peer whose host seems to be gone. */
	int64_t doubt_ms;
};

struct checkup {
	struct vigil vigils[2]; /* of the streams' peers */
	bool doubted;           /* the left peer seems to be gone */
	bool settled;           /* the peers have acknowledged what was sent before the last look */
	bool kept_alive;        /* keepalive is set: the relay has lasted for a while */
};

/* The relay that is looked at. Borrowed. */
struct checkup_subject {
	struct stream *const *streams; /* two; [0] is the left one */
	const struct flow *flows;      /* two; flows[i] comes from streams[i] */
	struct brake *brake;           /* NULL: none */
	const struct relay_watch *watch;
	int64_t quiet_ms; /* for so long, no byte has moved */
};

enum checkup_finding {
	CHECKUP_FINE,
	CHECKUP_DIED, /* the stream has failed */
	CHECKUP_LEFT, /* the stream's peer has left in order, and the other side does not end */
	CHECKUP_LOST  /* the stream's peer acknowledges nothing any more */
};

/* Bytes have moved since the last look. */
void checkup_note_bytes(struct checkup *checkup);
/* Turns the kernel's keepalive on, once. */
void checkup_keep_alive(struct checkup *checkup, const struct checkup_subject *subject);
/* The left peer seems to be gone. If the relay is idle, the kernel's probes find out. */
void checkup_doubt_left(struct checkup *checkup, const struct checkup_subject *subject);
/* *side_out: the stream that the finding is about, unless all is fine. */
enum checkup_finding checkup_look(struct checkup *checkup, const struct checkup_subject *subject,
                                  int *side_out);

#endif
