#include "relay/vigil.h"

#include <stdbool.h>

#include "base/clock.h"
#include "net/sock.h"

/* The kernel's times are exact to 10 ms, and repetitions are at least 200 ms apart. */
enum { INEXACT_MS = 50 };

static void note_sight(struct vigil *vigil, const struct sock_sight *sight, int64_t now_ms)
{
	int64_t heard_at_ms = now_ms - sight->heard_ms;

	if (heard_at_ms > vigil->heard_at_ms + INEXACT_MS) {
		*vigil = (struct vigil){ .heard_at_ms = heard_at_ms,
			                 .repeats_when_heard = sight->repeats };
	} else if (vigil->unanswered_since_ms == 0 && sight->repeats > vigil->repeats_when_heard) {
		vigil->unanswered_since_ms = now_ms;
		vigil->repeats_by_then = sight->repeats;
	}
}

static bool has_waited(const struct vigil *vigil, int64_t now_ms, int64_t limit_ms)
{
	return limit_ms > 0 && vigil->unanswered_since_ms > 0 &&
	       now_ms - vigil->unanswered_since_ms >= limit_ms;
}

enum vigil_finding vigil_look(struct vigil *vigil, int fd, int64_t limit_ms)
{
	bool is_settled = !sock_has_unacknowledged(fd);
	int64_t now_ms = clock_ms();
	struct sock_sight sight;

	if (is_settled || !sock_look(fd, &sight)) {
		*vigil = (struct vigil){ 0 };
		return is_settled ? VIGIL_SETTLED : VIGIL_WAITING;
	}
	note_sight(vigil, &sight, now_ms);
	if (has_waited(vigil, now_ms, limit_ms) && sight.repeats > vigil->repeats_by_then)
		return VIGIL_LOST;
	return VIGIL_WAITING;
}
