/* vitals - the metrics of the process itself: its build, its configuration, and its use of the
 * machine. [main] */
#ifndef CORE_VITALS_H
#define CORE_VITALS_H

struct config;
struct metrics;

/* Sets the constant series. The others are read whenever the metrics are. */
void vitals_init(struct metrics *metrics, const struct config *config, unsigned n_workers);

#endif
