#include "metrics/metrics.h"

#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/cells.h"
#include "metrics/spec.h"

enum { BUCKETS = 64 };

struct series {
	struct series *next, *next_in_bucket;
	/* The first cell of the series. A histogram has a cell for each bound, one for +Inf, and
	 * one for the sum. */
	uint32_t slot;
	double (*read)(void *arg); /* see metrics_sample; may be NULL */
	void *arg;
	bool is_hidden;     /* see metrics_hide */
	spore_str values[]; /* one per label; their bytes follow the array */
};

struct family {
	struct family *next;
	uint32_t id;
	spore_metric_spec spec; /* a copy, owned */
	size_t n_series;
	struct series *first, **end;
	struct series *buckets[BUCKETS];
};

struct metrics {
	pthread_mutex_t lock; /* for families and series; an update does not take it */
	struct family *first, **end;
	uint32_t n_families;
	struct cells cells; /* their owners are families */
};

struct metrics *metrics_new(unsigned n_shards)
{
	struct metrics *metrics = calloc(1, sizeof *metrics);

	if (!metrics)
		return NULL;
	pthread_mutex_init(&metrics->lock, NULL);
	metrics->cells.n_shards = n_shards + 1; /* the first is the shared one */
	metrics->end = &metrics->first;
	return metrics;
}

static void family_free(struct family *family)
{
	while (family->first) {
		struct series *series = family->first;

		family->first = series->next;
		free(series);
	}
	spec_fini(&family->spec);
	free(family);
}

void metrics_free(struct metrics *metrics)
{
	if (!metrics)
		return;
	while (metrics->first) {
		struct family *family = metrics->first;

		metrics->first = family->next;
		family_free(family);
	}
	cells_fini(&metrics->cells);
	pthread_mutex_destroy(&metrics->lock);
	free(metrics);
}

/* ---- families ---- */

static struct family *find_family(const struct metrics *metrics, const char *name)
{
	struct family *family = metrics->first;

	while (family && strcmp(family->spec.name, name) != 0)
		family = family->next;
	return family;
}

static bool has_clash(const struct metrics *metrics, const spore_metric_spec *spec)
{
	const struct family *family = metrics->first;

	while (family && !spec_clash(&family->spec, spec))
		family = family->next;
	return family != NULL;
}

static struct family *add_family(struct metrics *metrics, const spore_metric_spec *spec)
{
	struct family *family = calloc(1, sizeof *family);

	if (!family || !spec_copy(&family->spec, spec)) {
		free(family);
		return NULL;
	}
	family->id = ++metrics->n_families;
	family->end = &family->first;
	*metrics->end = family;
	metrics->end = &family->next;
	return family;
}

/* Under the lock. NULL, and *why_out. */
static struct family *get_family(struct metrics *metrics, const spore_metric_spec *spec,
                                 const char **why_out)
{
	struct family *family = find_family(metrics, spec->name);

	if (family && !spec_same_shape(&family->spec, spec)) {
		*why_out = "a family of this name has another type, other labels or other bounds";
		return NULL;
	}
	if (family)
		return family;
	if (has_clash(metrics, spec)) {
		*why_out = "an exporter could not distinguish its name from that of another family";
		return NULL;
	}
	family = add_family(metrics, spec);
	if (!family)
		*why_out = "out of memory";
	return family;
}

uint32_t metrics_family(struct metrics *metrics, const spore_metric_spec *given,
                        const char **why_out)
{
	const struct family *family;
	spore_metric_spec spec;
	uint32_t id;

	SPORE_COPY(&spec, given);
	*why_out = spec_fault(&spec);
	if (*why_out)
		return 0;
	pthread_mutex_lock(&metrics->lock);
	family = get_family(metrics, &spec, why_out);
	id = family ? family->id : 0;
	pthread_mutex_unlock(&metrics->lock);
	return id;
}

/* ---- series ---- */

static unsigned hash_values(const spore_str *values, size_t n)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < values[i].len; k++)
			hash = (hash ^ (uint8_t)values[i].ptr[k]) * 16777619u;
		hash = (hash ^ 0xFF) * 16777619u;
	}
	return hash % BUCKETS;
}

static bool same_values(const spore_str *a, const spore_str *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (a[i].len != b[i].len || (a[i].len && memcmp(a[i].ptr, b[i].ptr, a[i].len) != 0))
			return false;
	}
	return true;
}

static struct series *find_series(const struct family *family, unsigned bucket,
                                  const spore_str *values)
{
	for (struct series *s = family->buckets[bucket]; s; s = s->next_in_bucket) {
		if (same_values(s->values, values, family->spec.n_labels))
			return s;
	}
	return NULL;
}

static uint32_t count_cells(const spore_metric_spec *spec)
{
	return spec_is_distribution(spec) ? (uint32_t)spec->n_bounds + 2 : 1;
}

static struct series *add_series(struct metrics *metrics, struct family *family, unsigned bucket,
                                 const spore_str *values)
{
	size_t n = family->spec.n_labels, bytes = 0;
	struct series *series;
	char *copy;

	for (size_t i = 0; i < n; i++)
		bytes += values[i].len;
	series = calloc(1, sizeof *series + n * sizeof *values + bytes);
	if (!series)
		return NULL;
	if (!cells_reserve(&metrics->cells, count_cells(&family->spec), family, &series->slot)) {
		free(series);
		return NULL;
	}
	copy = (char *)&series->values[n];
	for (size_t i = 0; i < n; i++) {
		if (values[i].len)
			memcpy(copy, values[i].ptr, values[i].len);
		series->values[i] = (spore_str){ copy, values[i].len };
		copy += values[i].len;
	}
	series->next_in_bucket = family->buckets[bucket];
	family->buckets[bucket] = series;
	*family->end = series;
	family->end = &series->next;
	family->n_series++;
	return series;
}

/* If `bounded` and the family has max_series series, returns the one whose values are all "other"
 * in place of a new one. That series itself may exceed max_series. */
static struct series *get_series(struct metrics *metrics, struct family *family,
                                 const spore_str *values, bool bounded)
{
	unsigned bucket = hash_values(values, family->spec.n_labels);
	struct series *series = find_series(family, bucket, values);

	if (series)
		return series;
	if (bounded && family->n_series >= family->spec.max_series) {
		spore_str other[SPEC_MAX_LABELS];

		for (size_t i = 0; i < family->spec.n_labels; i++)
			other[i] = spore_cstr("other");
		return get_series(metrics, family, other, false);
	}
	return add_series(metrics, family, bucket, values);
}

uint32_t metrics_series(struct metrics *metrics, uint32_t family_id, const spore_str *values,
                        size_t n)
{
	struct family *family;
	struct series *series = NULL;

	pthread_mutex_lock(&metrics->lock);
	for (family = metrics->first; family && family->id != family_id; family = family->next)
		;
	if (family && n == family->spec.n_labels)
		series = get_series(metrics, family, values, true);
	pthread_mutex_unlock(&metrics->lock);
	return series ? series->slot + 1 : 0;
}

/* ---- updates ---- */

/* The first cell of a series in a shard, and its spec; NULL for an unknown series or shard. */
static cell *find_cell(struct metrics *metrics, unsigned shard, uint32_t series,
                       const spore_metric_spec **spec_out)
{
	unsigned row = shard + 1; /* METRICS_SHARED, the highest number, becomes 0 */
	const void *owner;
	cell *c = series ? cells_find(&metrics->cells, row, series - 1, &owner) : NULL;

	if (c)
		*spec_out = &((const struct family *)owner)->spec;
	return c;
}

static inline void add_to(cell *c, unsigned shard, double delta)
{
	if (shard == METRICS_SHARED)
		cell_add_shared(c, delta);
	else
		cell_add(c, delta);
}

bool metrics_add(struct metrics *metrics, unsigned shard, uint32_t series, double delta)
{
	const spore_metric_spec *spec;
	cell *c = find_cell(metrics, shard, series, &spec);

	if (!c || spec_is_distribution(spec))
		return series == 0;
	if (spec->type != SPORE_METRIC_COUNTER || delta > 0)
		add_to(c, shard, delta);
	return true;
}

bool metrics_set(struct metrics *metrics, unsigned shard, uint32_t series, double value)
{
	const spore_metric_spec *spec;
	cell *c = find_cell(metrics, shard, series, &spec);

	if (!c || spec->type != SPORE_METRIC_GAUGE)
		return series == 0;
	cell_write(c, value);
	return true;
}

bool metrics_observe(struct metrics *metrics, unsigned shard, uint32_t series, double value)
{
	const spore_metric_spec *spec;
	cell *c = find_cell(metrics, shard, series, &spec);
	size_t bucket = 0;

	if (!c || !spec_is_distribution(spec))
		return series == 0;
	if (isnan(value))
		return true;
	while (bucket < spec->n_bounds && !(value <= spec->bounds[bucket]))
		bucket++;
	add_to(&c[bucket], shard, 1);
	add_to(&c[spec->n_bounds + 1], shard, value);
	return true;
}

void metrics_sample(struct metrics *metrics, uint32_t id, double (*read)(void *arg), void *arg)
{
	pthread_mutex_lock(&metrics->lock);
	for (struct family *family = metrics->first; id && family; family = family->next) {
		for (struct series *series = family->first; series; series = series->next) {
			if (series->slot == id - 1 && !spec_is_distribution(&family->spec)) {
				series->read = read;
				series->arg = arg;
			}
		}
	}
	pthread_mutex_unlock(&metrics->lock);
}

/* ---- snapshot ---- */

static double value_of(const struct metrics *metrics, const struct series *series)
{
	double counted = cells_sum(&metrics->cells, series->slot);

	return series->read ? counted + series->read(series->arg) : counted;
}

static void visit_distribution(const struct metrics *metrics, const spore_metric_spec *spec,
                               uint32_t slot, const spore_kv *labels,
                               const spore_metric_visitor *visitor, void *arg)
{
	uint64_t cumulative[SPEC_MAX_BOUNDS], count = 0;
	double sum;

	for (size_t i = 0; i < spec->n_bounds; i++) {
		count += (uint64_t)cells_sum(&metrics->cells, slot++);
		cumulative[i] = count;
	}
	count += (uint64_t)cells_sum(&metrics->cells, slot++); /* above the last bound */
	sum = cells_sum(&metrics->cells, slot);
	visitor->histogram(arg, labels, spec->n_labels, spec->bounds, cumulative, spec->n_bounds,
	                   count, sum);
}

static void visit_series(const struct metrics *metrics, const struct family *family,
                         const struct series *series, const spore_metric_visitor *visitor,
                         void *arg)
{
	const spore_metric_spec *spec = &family->spec;
	spore_kv labels[SPEC_MAX_LABELS];

	for (size_t i = 0; i < spec->n_labels; i++)
		labels[i] = (spore_kv){ spore_cstr(spec->labels[i]), series->values[i] };
	if (!spec_is_distribution(spec))
		visitor->value(arg, labels, spec->n_labels, value_of(metrics, series));
	else if (visitor->histogram)
		visit_distribution(metrics, spec, series->slot, labels, visitor, arg);
}

void metrics_hide(struct metrics *metrics, uint32_t id, bool hide)
{
	pthread_mutex_lock(&metrics->lock);
	for (struct family *family = metrics->first; id && family; family = family->next) {
		for (struct series *series = family->first; series; series = series->next) {
			if (series->slot == id - 1)
				series->is_hidden = hide;
		}
	}
	pthread_mutex_unlock(&metrics->lock);
}

void metrics_visit(struct metrics *metrics, const spore_metric_visitor *visitor, void *arg)
{
	pthread_mutex_lock(&metrics->lock);
	for (struct family *family = metrics->first; family; family = family->next) {
		visitor->begin(arg, &family->spec);
		for (struct series *s = family->first; s; s = s->next) {
			if (!s->is_hidden)
				visit_series(metrics, family, s, visitor, arg);
		}
		if (visitor->end)
			visitor->end(arg);
	}
	pthread_mutex_unlock(&metrics->lock);
}
