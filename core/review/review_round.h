/* review_round - what one reload has made of the tunnels that it found open, on all workers: at
 * most two log lines, however many tunnels there are. Its last reference writes the summary.
 * [any] */
#ifndef CORE_REVIEW_ROUND_H
#define CORE_REVIEW_ROUND_H

#include <stdbool.h>
#include <stdint.h>

struct review_round;

enum review_outcome {
	REVIEW_ALLOWED,
	REVIEW_DENIED,
	REVIEW_LEFT, /* the tunnel closed first, or a newer reload began */
	REVIEW_OUTCOMES
};

/* finders: how many times review_round_found_all will be called, by each who looks for tunnels,
 * such as a worker. Until then the round may get more tunnels. NULL: out of memory; then nothing is
 * logged. NULL is fine for the functions below. */
struct review_round *review_round_new(unsigned finders);
void review_round_found_all(struct review_round *round);

/* One more tunnel, with a reference. Returns the round. */
struct review_round *review_round_add(struct review_round *round);
/* The tunnel was asked about for the first time, and no instance could decide: the plugin (NULL:
 * the host; the name is permanent) with this status. It keeps its reference. */
void review_round_undecided(struct review_round *round, const char *plugin, int32_t status);
/* The tunnel has its outcome. is_first: it had none, nor was it undecided. Gives the reference
 * back. */
void review_round_end(struct review_round *round, enum review_outcome outcome, bool is_first);

#endif
