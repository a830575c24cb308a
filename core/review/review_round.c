#include "review/review_round.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "log/log.h"
#include "log/status.h"

struct review_round {
	atomic_uint refs;    /* of the finders, and of the tunnels without an outcome */
	atomic_uint unasked; /* refs, without those of tunnels that were undecided once */
	atomic_uint tunnels, undecided;
	atomic_uint outcomes[REVIEW_OUTCOMES];
	_Atomic(const char *) plugin; /* that could not decide */
	atomic_int status;
};

static void log_undecided(struct review_round *round)
{
	const char *plugin = atomic_load(&round->plugin);
	char text[STATUS_TEXT_SIZE];

	log_warn("clients of open tunnels could not be authenticated again; the server tries on",
	         log_int("tunnels", atomic_load(&round->tunnels)),
	         log_int("undecided", atomic_load(&round->undecided)),
	         log_str("plugin", plugin ? plugin : "none"),
	         log_str("status", status_text(atomic_load(&round->status), text)));
}

static void end_first_pass(struct review_round *round)
{
	if (atomic_fetch_sub(&round->unasked, 1) == 1 && atomic_load(&round->undecided) > 0)
		log_undecided(round);
}

static void unref(struct review_round *round)
{
	if (atomic_fetch_sub(&round->refs, 1) > 1)
		return;
	if (atomic_load(&round->tunnels) > 0)
		log_info("clients of open tunnels were authenticated again",
		         log_int("tunnels", atomic_load(&round->tunnels)),
		         log_int("allowed", atomic_load(&round->outcomes[REVIEW_ALLOWED])),
		         log_int("denied", atomic_load(&round->outcomes[REVIEW_DENIED])),
		         log_int("left", atomic_load(&round->outcomes[REVIEW_LEFT])));
	free(round);
}

struct review_round *review_round_new(unsigned finders)
{
	struct review_round *round = calloc(1, sizeof *round);

	if (!round)
		return NULL;
	atomic_init(&round->refs, finders);
	atomic_init(&round->unasked, finders);
	return round;
}

void review_round_found_all(struct review_round *round)
{
	if (!round)
		return;
	end_first_pass(round);
	unref(round);
}

struct review_round *review_round_add(struct review_round *round)
{
	if (!round)
		return NULL;
	atomic_fetch_add(&round->tunnels, 1);
	atomic_fetch_add(&round->unasked, 1);
	atomic_fetch_add(&round->refs, 1);
	return round;
}

void review_round_undecided(struct review_round *round, const char *plugin, int32_t status)
{
	if (!round)
		return;
	atomic_store(&round->plugin, plugin);
	atomic_store(&round->status, status);
	atomic_fetch_add(&round->undecided, 1);
	end_first_pass(round);
}

void review_round_end(struct review_round *round, enum review_outcome outcome, bool is_first)
{
	if (!round)
		return;
	atomic_fetch_add(&round->outcomes[outcome], 1);
	if (is_first)
		end_first_pass(round);
	unref(round);
}
