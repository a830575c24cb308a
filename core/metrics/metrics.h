/* metrics - families of series, sharded by worker.
 *
 * A worker updates its own shard, which no other thread writes, so it needs no lock and shares no
 * cache line. One more shard is for all threads that have none (METRICS_SHARED). A snapshot adds
 * the shards up; a gauge is the sum of what was set in each of them. Families and series are never
 * removed, so an id stays valid. A value that is known anyway need not be counted: a snapshot reads
 * it (metrics_sample). */
#ifndef CORE_METRICS_H
#define CORE_METRICS_H

#include <limits.h>
#include <spore/metrics.h>
#include <stdbool.h>

struct metrics;

/* The number of the shard that any thread may update. */
#define METRICS_SHARED UINT_MAX

/* n_shards: one per worker, and one for the main thread. The shared shard is added. NULL: out of
 * memory. [main] */
struct metrics *metrics_new(unsigned n_shards);
void metrics_free(struct metrics *metrics);

/* Registers a family under its full name, or finds the one of that name. Returns its id. 0, and
 * *why_out (a static text), if the spec is invalid or differs from that of the existing family.
 * [any] */
uint32_t metrics_family(struct metrics *metrics, const spore_metric_spec *spec,
                        const char **why_out);
/* The id of the series with these label values; once the family has max_series series, that of a
 * series whose values are all "other". 0 if the family is unknown, `n` is wrong, or memory is out.
 * [any] */
uint32_t metrics_series(struct metrics *metrics, uint32_t family, const spore_str *values,
                        size_t n);

/* These do nothing for series 0, and return true. False: the series is unknown or of another type;
 * nothing was done. `shard` is that of the calling worker, or METRICS_SHARED. Wait-free with a
 * worker's shard; lock-free with the shared one, whose writers may delay each other. [worker], or
 * [any] with METRICS_SHARED */
bool metrics_add(struct metrics *metrics, unsigned shard, uint32_t series, double delta);
bool metrics_set(struct metrics *metrics, unsigned shard, uint32_t series, double value);
bool metrics_observe(struct metrics *metrics, unsigned shard, uint32_t series, double value);

/* From now on a snapshot adds the result of `read` to the series, which must be a counter or a
 * gauge. `read` is called on any thread, under the lock of the families: it must be quick and must
 * not use this module. NULL ends that; when metrics_sample returns, no snapshot uses the old `arg`.
 * [any] */
void metrics_sample(struct metrics *metrics, uint32_t series, double (*read)(void *arg), void *arg);

/* Leaves the series out of snapshots, or no longer: for something that is not there any more, and
 * may come back. Nothing is done for series 0. [any] */
void metrics_hide(struct metrics *metrics, uint32_t series, bool hide);

/* Shows the visitor a snapshot of all families, in the order of their registration. Its `histogram`
 * and `end` may be NULL. [any] */
void metrics_visit(struct metrics *metrics, const spore_metric_visitor *visitor, void *arg);

#endif
