/* roll - copies what a worker of a client knows of the tunnels at one moment, for other threads to
 * read. */
#ifndef CORE_CLIENT_ROLL_H
#define CORE_CLIENT_ROLL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "carry/ahead.h"
#include "client/session.h"
#include "health/health.h"

struct client_worker;

/* Longer texts are cut. With the NUL. */
enum { ROLL_TEXT_SIZE = 256 };

/* A tunnel, as one worker knows it. */
struct roll_row {
	const struct users *tunnel; /* tells tunnels apart; must not be followed */
	struct ahead_tally tally;   /* of this worker */
	/* Only the first worker sets these. There `state` is not NULL. */
	const char *state; /* static: session_state_name */
	enum session_state at;
	char name[ROLL_TEXT_SIZE];
	char local[ROLL_TEXT_SIZE];     /* "HOST:PORT" or "unix:PATH" of the service */
	char server[ROLL_TEXT_SIZE];    /* "HOST:PORT" of the control port; "": it does not stand */
	char public_at[ROLL_TEXT_SIZE]; /* "HOST:PORT"; "": it does not stand */
	uint16_t port;                  /* the public port that it has, or had last; 0: none yet */
	int64_t age_ms;                 /* since it stands */
	bool is_checked, is_down;       /* the service; is_down only if it is checked */
	int64_t service_age_ms;         /* since it went up or down, or since the first check */
	char service_why[HEALTH_WHY_SIZE]; /* of the last check that has failed; "": none */
	int64_t service_why_age_ms;
	char lost_why
		[SESSION_WHY_SIZE]; /* of the last loss or failed attempt; "": there was none */
	int64_t lost_age_ms;
	int64_t retry_in_ms;                /* 0: it does not pause */
	char refused_why[SESSION_WHY_SIZE]; /* why the server refuses visitors; "": it does not */
	int64_t refused_age_ms;             /* since it has said so last */
};

struct roll {
	size_t n;
	struct roll_row rows[];
};

/* The tunnels of the worker, in the order of its configuration. NULL: out of memory. [worker] */
struct roll *roll_make(const struct client_worker *worker);

#endif
