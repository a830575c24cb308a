/* vitals - what there is to say about the process itself: its build and configuration, and what it
 * takes of the machine. [main] */
#ifndef CORE_VITALS_H
#define CORE_VITALS_H

struct config;
struct metrics;

/* Fills the families of the process; what changes is read when somebody looks. */
void vitals_init(struct metrics *metrics, const struct config *config, unsigned n_workers);

#endif
