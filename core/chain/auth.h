/* auth - runs one judgement through the auth chain, now or over time; and answers a challenge.
 *
 * Embedded in the session that asks. Verdicts may come at once, through a ticket, or from a
 * blocking instance on its pool; auth_cancel forgets one that is on its way. [worker] */
#ifndef CORE_AUTH_H
#define CORE_AUTH_H

#include <spore/auth.h>

#include "base/uuid.h"
#include "chain/plugin_set.h"
#include "host/grant.h"

struct auth_run;
struct stream;

/* What is asked. Everything stays valid until the verdict, or until auth_cancel. */
struct auth_question {
	const struct plugin_set *set;
	struct instance *only; /* judge by this instance alone; NULL: by the chain */
	struct stream *stream;
	uint32_t purpose; /* SPORE_AUTH_* */
	uint8_t challenge[16];
	const char *answer; /* NUL-ended, owned by the asker */
	uint64_t session;   /* DATA: the tunnel's */
	int64_t deadline_ms;
	const char *server_name; /* client */
};

/* SPORE_ALLOW, SPORE_DENY, or a SPORE_E* when nobody could decide. */
typedef void (*auth_fn)(struct auth_run *run, int32_t verdict);

struct auth_run {
	struct auth_question question;
	size_t at;           /* in the chain */
	int64_t asked_ns;    /* when it was asked, on clock_ns()'s clock */
	spore_ticket ticket; /* 0: nothing is on its way */
	auth_fn on_verdict;
	int32_t failure;     /* the last SPORE_E* that was passed over */
	struct instance *by; /* who decided */
	struct grant *grant; /* on ALLOW; owned by whoever takes it (set it to NULL) */
	char answer[SPORE_AUTH_ANSWER_MAX +
	            1]; /* client: the answer, when the verdict is SPORE_OK */
};

/* A challenge for whoever is on the stream; false when there is no randomness. */
bool auth_challenge(const struct plugin_set *set, struct stream *stream,
                    struct uuid *challenge_out);
/* The verdict, or SPORE_EPENDING: then on_verdict is called with it, later. */
int32_t auth_judge(struct auth_run *run, const struct auth_question *question, auth_fn on_verdict);
/* Client: has the first instance answer the challenge. SPORE_EPENDING: SPORE_OK and run->answer, or
 * a SPORE_E*, come through on_verdict, later. Else why there will be no answer. */
spore_status auth_answer(struct auth_run *run, const struct auth_question *question,
                         auth_fn on_verdict);
/* Names the plugin that has not said its word, though its time is over. */
void auth_log_late(const struct auth_run *run);
/* Forgets what is on its way and frees what was granted. Harmless on one that is done or zeroed. */
void auth_cancel(struct auth_run *run);

#endif
