/* vigil - notices that the peer of a socket is gone: its kernel acknowledges nothing any more.
 *
 * Nothing else shows this soon. While bytes are unacknowledged, the kernel sends no keepalive
 * probes, and it repeats the bytes for about a quarter of an hour. TCP_USER_TIMEOUT would also end
 * a connection whose peer does not read, but answers each probe of its closed window. The kernel
 * sends these probes at intervals of up to two minutes. So the time since the last answer proves
 * nothing; what counts is the time since the first repetition that has no answer.
 *
 * A vigil is asked once a second. It begins as zeroed memory. [worker] */
#ifndef CORE_VIGIL_H
#define CORE_VIGIL_H

#include <stdint.h>

struct vigil {
	int64_t heard_at_ms;         /* when the peer was heard last; 0: not known */
	unsigned repeats_when_heard; /* repetitions that had been counted by then */
	int64_t unanswered_since_ms; /* when a look first saw one without an answer; 0: none */
	unsigned repeats_by_then;    /* repetitions that had been counted by that look */
};

enum vigil_finding {
	VIGIL_SETTLED, /* everything that was written is acknowledged */
	VIGIL_WAITING,
	VIGIL_LOST /* for limit_ms, the peer has answered none of at least two repetitions */
};

/* limit_ms 0: no limit. */
enum vigil_finding vigil_look(struct vigil *vigil, int fd, int64_t limit_ms);

#endif
