/* reload_record - how the last reload ended, for the metrics and `spore ctl status`. [main] */
#ifndef CORE_RELOAD_RECORD_H
#define CORE_RELOAD_RECORD_H

#include <stdbool.h>
#include <stdint.h>

struct metrics;
struct reload_answer;

struct reload_record {
	struct metrics *metrics; /* borrowed */
	unsigned shard;
	int64_t at_ms; /* of the last reload, by clock_ms; 0: there was none */
	bool is_refused;
	char why[400]; /* if the reload was refused: the first mistake */
};

/* The start counts as a reload for the metrics. shard: the one of main. */
void reload_record_init(struct reload_record *record, struct metrics *metrics, unsigned shard);
/* A reload has ended. */
void reload_record_end(struct reload_record *record, const struct reload_answer *answer);

#endif
