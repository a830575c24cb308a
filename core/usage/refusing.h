/* refusing - when a client is told that the server refuses its visitors because of a limit of its
 * identity: at once, and again at growing intervals while that lasts. Pure. */
#ifndef CORE_REFUSING_H
#define CORE_REFUSING_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/refusal.h"

/* The first and the longest interval, and how long no visitor is refused before the client is told
 * that this is over. */
enum { REFUSING_FIRST_MS = 60000, REFUSING_MOST_MS = 3600000, REFUSING_CALM_MS = 5000 };
/* A client that was told that this is over is told of the next refusal after at most this time. */
enum { REFUSING_AGAIN_MS = 300000 };

/* Of one tunnel. Zeroed: no visitor was refused. */
struct refusing {
	enum refusal why;  /* the last one */
	enum refusal told; /* what the client was told last */
	bool is_told;
	bool is_over;     /* a visitor was let in, some seconds after the last refusal */
	int64_t last_ms;  /* the last visitor was refused */
	int64_t told_ms;  /* when the client was told */
	int64_t next_ms;  /* the client may be told again */
	int64_t pause_ms; /* the last interval */
};

/* Is it a limit of the client's identity, about which the client should know? */
bool refusing_concerns_client(enum refusal why);
/* A visitor was refused for such a reason. now_ms: of clock_ms. True: tell the client. Another
 * reason is told at once, but only some seconds after the one before. */
bool refusing_note(struct refusing *refusing, enum refusal why, int64_t now_ms);
/* Has it been refusing visitors lately? */
bool refusing_is_recent(const struct refusing *refusing, int64_t now_ms);
/* A visitor was let in. True: tell the client that visitors are let in again. */
bool refusing_end(struct refusing *refusing, int64_t now_ms);

#endif
