/* vitals - the metrics of the process itself: its build, its configuration, and its use of the
 * machine. [main] */
#ifndef CORE_VITALS_H
#define CORE_VITALS_H

struct config;
struct loop;
struct metrics;

/* Sets the series that never change. All others are read whenever somebody reads the metrics. */
void vitals_init(struct metrics *metrics, const struct config *config, unsigned n_workers);
/* From now on the metrics also show how much the loops of the workers lag. The loops must live
 * until vitals_forget_loops, which may also be called without this call. */
void vitals_watch_loops(struct metrics *metrics, struct loop *const *loops, unsigned n_workers);
void vitals_forget_loops(struct metrics *metrics, unsigned n_workers);

#endif
