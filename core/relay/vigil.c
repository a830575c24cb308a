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
		*vigil = (struct vigil){ .heard_at_ms = heard_at_ms, .answered = sight->repeats };
	} else if (vigil->since_ms == 0 && sight->repeats > vigil->answered) {
		vigil->since_ms = now_ms;
		vigil->first = sight->repeats;
	}
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
	return limit_ms && vigil->since_ms && now_ms - vigil->since_ms >= limit_ms &&
	                       sight.repeats > vigil->first
	               ? VIGIL_LOST
	               : VIGIL_WAITING;
}
