/* metrics - families of series, sharded by worker.
 *
 * An update writes to the shard of its worker, which nobody else writes: no lock, no contended
 * line. A snapshot adds the shards up. A gauge is the sum of what its workers set. Families and
 * series are never removed, so an id stays good for ever. What is known anyway is not counted again
 * but read when a visit comes to it (metrics_sample). */
#ifndef CORE_METRICS_H
#define CORE_METRICS_H

#include <spore/metrics.h>

struct metrics;

/* n_shards: one for each worker, and one more for the main thread. NULL: out of memory. [main] */
struct metrics *metrics_new(unsigned n_shards);
void metrics_free(struct metrics *metrics);

/* Registers a family under its full name, or finds the one that is there. 0, and *why_out, when the
 * spec is wrong or differs from the one that is there. [any] */
uint32_t metrics_family(struct metrics *metrics, const spore_metric_spec *spec,
                        const char **why_out);
/* The series of these label values; past the family's bound the one whose values are all "other".
 * 0 when the family is unknown, the count of values is wrong, or memory is out. [any] */
uint32_t metrics_series(struct metrics *metrics, uint32_t family, const spore_str *values,
                        size_t n);

/* Wait-free; an unknown series is ignored. `shard` is the caller's own. [worker] */
void metrics_add(struct metrics *metrics, unsigned shard, uint32_t series, double delta);
void metrics_set(struct metrics *metrics, unsigned shard, uint32_t series, double value);
void metrics_observe(struct metrics *metrics, unsigned shard, uint32_t series, double value);

/* From now on a visit adds what `read` says to the series, which is a counter's or a gauge's: under
 * the lock of the families, [any], so it must be quick. `read` NULL: no longer; when this returns,
 * no visit uses `arg` any more. [any] */
void metrics_sample(struct metrics *metrics, uint32_t series, double (*read)(void *arg), void *arg);

/* A snapshot of all families, in the order of their registration. The visitor may do without
 * `histogram` and `end`. [any] */
void metrics_visit(struct metrics *metrics, const spore_metric_visitor *visitor, void *arg);

#endif
