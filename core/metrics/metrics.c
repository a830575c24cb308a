#include "metrics/metrics.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
	CACHE_LINE = 64,
	PAGE = 256,
	MAX_PAGES = 1024,
	BUCKETS = 64,
	MAX_BOUNDS = 64,
	MAX_LABELS = 32,
	DEFAULT_MAX_SERIES = 100
};

/* The bits of a double; one writer, any readers. */
typedef _Atomic uint64_t cell;

struct series {
	struct series *next, *next_in_bucket;
	uint32_t slot; /* of its first cell; a histogram has a cell a bucket, +Inf, and its sum */
	double (*read)(void *arg); /* NULL, or what a visit adds to its cells */
	void *arg;
	spore_str values[]; /* one a label; their bytes stand behind the array */
};

struct family {
	struct family *next;
	uint32_t id;
	spore_metric_spec spec; /* its pointers are ours */
	size_t n_series;
	struct series *first, **end;
	struct series *buckets[BUCKETS];
};

/* PAGE cells of each shard, and the family that each belongs to. A shard's cells begin on a cache
 * line of their own, so that no worker writes to another one's. */
struct page {
	const struct family *owner[PAGE];
	cell *cells; /* [shard * PAGE + slot % PAGE] */
};

struct metrics {
	pthread_mutex_t lock; /* families and series; never taken by an update */
	unsigned n_shards;
	struct family *first, **end;
	uint32_t n_families, n_slots;
	_Atomic(struct page *) pages[MAX_PAGES];
};

struct metrics *metrics_new(unsigned n_shards)
{
	struct metrics *metrics = calloc(1, sizeof *metrics);

	if (!metrics)
		return NULL;
	pthread_mutex_init(&metrics->lock, NULL);
	metrics->n_shards = n_shards;
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
	for (size_t i = 0; i < family->spec.n_labels; i++)
		free((void *)(uintptr_t)family->spec.labels[i]);
	free((void *)(uintptr_t)family->spec.labels);
	free((void *)(uintptr_t)family->spec.name);
	free((void *)(uintptr_t)family->spec.help);
	free((void *)(uintptr_t)family->spec.unit);
	free((void *)(uintptr_t)family->spec.bounds);
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
	for (size_t i = 0; i < MAX_PAGES; i++) {
		struct page *page = atomic_load(&metrics->pages[i]);

		if (page)
			free(page->cells);
		free(page);
	}
	pthread_mutex_destroy(&metrics->lock);
	free(metrics);
}

/* ---- families ---- */

static bool is_name(const char *name)
{
	if (!name || !(*name >= 'a' && *name <= 'z'))
		return false;
	return name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

static bool is_distribution(const spore_metric_spec *spec)
{
	return spec->type == SPORE_METRIC_HISTOGRAM || spec->type == SPORE_METRIC_SUMMARY;
}

static bool ends_in(const char *name, const char *suffix)
{
	size_t len = strlen(name), tail = strlen(suffix);

	return len >= tail && strcmp(name + len - tail, suffix) == 0;
}

static const char *label_fault(const spore_metric_spec *spec)
{
	if (spec->n_labels > MAX_LABELS)
		return "a family has at most 32 labels";
	for (size_t i = 0; i < spec->n_labels; i++) {
		if (!is_name(spec->labels[i]))
			return "a label's name is [a-z][a-z0-9_]*";
		if (is_distribution(spec) && (strcmp(spec->labels[i], "le") == 0 ||
		                              strcmp(spec->labels[i], "quantile") == 0))
			return "the labels le and quantile belong to the exporters";
		for (size_t k = 0; k < i; k++) {
			if (strcmp(spec->labels[i], spec->labels[k]) == 0)
				return "a label stands there once";
		}
	}
	return NULL;
}

static const char *spec_fault(const spore_metric_spec *spec)
{
	if (!is_name(spec->name))
		return "a name is [a-z][a-z0-9_]*";
	if (spec->type < SPORE_METRIC_COUNTER || spec->type > SPORE_METRIC_SUMMARY)
		return "the type is none";
	if ((spec->type == SPORE_METRIC_COUNTER) != ends_in(spec->name, "_total"))
		return "a counter's name ends in _total, and no other's does";
	if (spec->n_bounds > MAX_BOUNDS)
		return "a histogram has at most 64 bounds";
	if ((spec->type == SPORE_METRIC_HISTOGRAM) != (spec->n_bounds > 0))
		return "a histogram has bounds, and nothing else has";
	for (size_t i = 0; i < spec->n_bounds; i++) {
		if (!isfinite(spec->bounds[i]) ||
		    (i > 0 && !(spec->bounds[i - 1] < spec->bounds[i])))
			return "bounds are finite and ascend";
	}
	return label_fault(spec);
}

static bool spec_same(const spore_metric_spec *a, const spore_metric_spec *b)
{
	if (a->type != b->type || a->n_labels != b->n_labels || a->n_bounds != b->n_bounds)
		return false;
	for (size_t i = 0; i < a->n_labels; i++) {
		if (strcmp(a->labels[i], b->labels[i]) != 0)
			return false;
	}
	return a->n_bounds == 0 ||
	       memcmp(a->bounds, b->bounds, a->n_bounds * sizeof *a->bounds) == 0;
}

static char *copy_text(const char *text, bool *ok)
{
	char *copy = text ? strdup(text) : NULL;

	*ok = *ok && (copy || !text);
	return copy;
}

static struct family *family_new(const spore_metric_spec *spec)
{
	struct family *family = calloc(1, sizeof *family);
	char **labels = calloc(spec->n_labels + 1, sizeof *labels);
	double *bounds = calloc(spec->n_bounds + 1, sizeof *bounds);
	bool ok = family && labels && bounds;

	if (!ok) {
		free(family);
		free(labels);
		free(bounds);
		return NULL;
	}
	family->end = &family->first;
	family->spec = (spore_metric_spec){
		.struct_size = sizeof family->spec,
		.type = spec->type,
		.name = copy_text(spec->name, &ok),
		.help = copy_text(spec->help ? spec->help : "", &ok),
		.unit = copy_text(spec->unit, &ok),
		.labels = (const char *const *)labels,
		.n_labels = spec->n_labels,
		.bounds = bounds,
		.n_bounds = spec->n_bounds,
		.max_series = spec->max_series ? spec->max_series : DEFAULT_MAX_SERIES,
	};
	for (size_t i = 0; i < spec->n_labels; i++)
		labels[i] = copy_text(spec->labels[i], &ok);
	if (spec->n_bounds)
		memcpy(bounds, spec->bounds, spec->n_bounds * sizeof *bounds);
	if (!ok) {
		family_free(family);
		return NULL;
	}
	return family;
}

/* As it stands in front of what exporters append: OpenMetrics knows a counter without its _total.
 */
static size_t base_len(const spore_metric_spec *spec)
{
	return strlen(spec->name) - (spec->type == SPORE_METRIC_COUNTER ? strlen("_total") : 0);
}

/* Would a sample of `one` have the name of `other`, or both one name in OpenMetrics? */
static bool clash(const spore_metric_spec *one, const spore_metric_spec *other)
{
	static const char *const appended[] = { "_sum", "_count", "_bucket" };
	size_t len = base_len(one);

	if (strncmp(one->name, other->name, len) != 0)
		return false;
	if (base_len(other) == len)
		return true;
	for (size_t i = 0; is_distribution(one) && i < sizeof appended / sizeof *appended; i++) {
		if (strcmp(other->name + len, appended[i]) == 0)
			return true;
	}
	return false;
}

static const struct family *find_clash(const struct metrics *metrics, const spore_metric_spec *spec)
{
	const struct family *family = metrics->first;

	while (family && !clash(&family->spec, spec) && !clash(spec, &family->spec))
		family = family->next;
	return family;
}

uint32_t metrics_family(struct metrics *metrics, const spore_metric_spec *given,
                        const char **why_out)
{
	spore_metric_spec spec;
	struct family *family;
	uint32_t id = 0;

	SPORE_COPY(&spec, given);
	*why_out = spec_fault(&spec);
	if (*why_out)
		return 0;
	pthread_mutex_lock(&metrics->lock);
	for (family = metrics->first; family; family = family->next) {
		if (strcmp(family->spec.name, spec.name) == 0)
			break;
	}
	if (family && !spec_same(&family->spec, &spec)) {
		*why_out = "the name is taken by a family of another shape";
		goto out;
	}
	if (!family && find_clash(metrics, &spec)) {
		*why_out = "an exporter could not tell its name from that of another family";
		goto out;
	}
	if (!family) {
		family = family_new(&spec);
		if (!family) {
			*why_out = "out of memory";
			goto out;
		}
		family->id = ++metrics->n_families;
		*metrics->end = family;
		metrics->end = &family->next;
	}
	id = family->id;
out:
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

static struct series *find_series(const struct family *family, unsigned bucket,
                                  const spore_str *values)
{
	for (struct series *s = family->buckets[bucket]; s; s = s->next_in_bucket) {
		bool same = true;

		for (size_t i = 0; same && i < family->spec.n_labels; i++)
			same = s->values[i].len == values[i].len &&
			       (!values[i].len ||
			        memcmp(s->values[i].ptr, values[i].ptr, values[i].len) == 0);
		if (same)
			return s;
	}
	return NULL;
}

static struct page *page_get(struct metrics *metrics, size_t index)
{
	size_t size = (size_t)metrics->n_shards * PAGE * sizeof(cell);
	struct page *page = atomic_load(&metrics->pages[index]);

	if (page)
		return page;
	page = calloc(1, sizeof *page);
	if (page)
		page->cells = aligned_alloc(CACHE_LINE, size);
	if (!page || !page->cells) {
		free(page);
		return NULL;
	}
	memset(page->cells, 0, size);
	atomic_store(&metrics->pages[index], page);
	return page;
}

/* Cells of one series stand in one page. */
static bool take_slots(struct metrics *metrics, const struct family *family, uint32_t *slot_out)
{
	uint32_t n = is_distribution(&family->spec) ? (uint32_t)family->spec.n_bounds + 2 : 1;
	uint32_t slot = metrics->n_slots;
	struct page *page;

	if (slot / PAGE != (slot + n - 1) / PAGE)
		slot = (slot / PAGE + 1) * PAGE;
	if (slot / PAGE >= MAX_PAGES)
		return false;
	page = page_get(metrics, slot / PAGE);
	if (!page)
		return false;
	page->owner[slot % PAGE] = family;
	metrics->n_slots = slot + n;
	*slot_out = slot;
	return true;
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
	if (!take_slots(metrics, family, &series->slot)) {
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

static struct series *get_series(struct metrics *metrics, struct family *family,
                                 const spore_str *values, bool bounded)
{
	unsigned bucket = hash_values(values, family->spec.n_labels);
	struct series *series = find_series(family, bucket, values);

	if (series)
		return series;
	if (bounded && family->n_series >= family->spec.max_series) {
		spore_str other[MAX_LABELS];

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

/* The first cell of a series in a shard, NULL for an unknown series. */
static cell *cell_of(struct metrics *metrics, unsigned shard, uint32_t series,
                     const struct family **family_out)
{
	uint32_t slot = series - 1;
	struct page *page;

	if (series == 0 || slot / PAGE >= MAX_PAGES || shard >= metrics->n_shards)
		return NULL;
	page = atomic_load_explicit(&metrics->pages[slot / PAGE], memory_order_acquire);
	if (!page || !page->owner[slot % PAGE])
		return NULL;
	*family_out = page->owner[slot % PAGE];
	return &page->cells[(size_t)shard * PAGE + slot % PAGE];
}

static double cell_read(const cell *c)
{
	uint64_t bits = atomic_load_explicit(c, memory_order_relaxed);
	double value;

	memcpy(&value, &bits, sizeof value);
	return value;
}

static void cell_write(cell *c, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof bits);
	atomic_store_explicit(c, bits, memory_order_relaxed);
}

void metrics_add(struct metrics *metrics, unsigned shard, uint32_t series, double delta)
{
	const struct family *family;
	cell *c = cell_of(metrics, shard, series, &family);

	if (!c || is_distribution(&family->spec))
		return;
	if (family->spec.type == SPORE_METRIC_COUNTER && !(delta > 0))
		return;
	cell_write(c, cell_read(c) + delta);
}

void metrics_set(struct metrics *metrics, unsigned shard, uint32_t series, double value)
{
	const struct family *family;
	cell *c = cell_of(metrics, shard, series, &family);

	if (c && family->spec.type == SPORE_METRIC_GAUGE)
		cell_write(c, value);
}

void metrics_observe(struct metrics *metrics, unsigned shard, uint32_t series, double value)
{
	const struct family *family;
	cell *c = cell_of(metrics, shard, series, &family);
	size_t bucket = 0;

	if (!c || !is_distribution(&family->spec) || isnan(value))
		return;
	while (bucket < family->spec.n_bounds && !(value <= family->spec.bounds[bucket]))
		bucket++;
	cell_write(&c[bucket], cell_read(&c[bucket]) + 1);
	cell_write(&c[family->spec.n_bounds + 1], cell_read(&c[family->spec.n_bounds + 1]) + value);
}

void metrics_sample(struct metrics *metrics, uint32_t id, double (*read)(void *arg), void *arg)
{
	pthread_mutex_lock(&metrics->lock);
	for (struct family *family = metrics->first; id && family; family = family->next) {
		for (struct series *series = family->first; series; series = series->next) {
			if (series->slot == id - 1 && !is_distribution(&family->spec)) {
				series->read = read;
				series->arg = arg;
			}
		}
	}
	pthread_mutex_unlock(&metrics->lock);
}

/* ---- snapshot ---- */

static double sum_shards(struct metrics *metrics, uint32_t slot)
{
	struct page *page = atomic_load(&metrics->pages[slot / PAGE]);
	double sum = 0;

	for (size_t shard = 0; shard < metrics->n_shards; shard++)
		sum += cell_read(&page->cells[shard * PAGE + slot % PAGE]);
	return sum;
}

static void visit_series(struct metrics *metrics, const struct family *family,
                         const struct series *series, const spore_metric_visitor *visitor,
                         void *arg)
{
	const spore_metric_spec *spec = &family->spec;
	uint64_t cumulative[MAX_BOUNDS], count = 0;
	spore_kv labels[MAX_LABELS];

	for (size_t i = 0; i < spec->n_labels; i++)
		labels[i] = (spore_kv){ spore_cstr(spec->labels[i]), series->values[i] };
	if (!is_distribution(spec)) {
		visitor->value(arg, labels, spec->n_labels,
		               sum_shards(metrics, series->slot) +
		                       (series->read ? series->read(series->arg) : 0));
		return;
	}
	if (!visitor->histogram)
		return;
	for (size_t i = 0; i < spec->n_bounds; i++) {
		count += (uint64_t)sum_shards(metrics, series->slot + (uint32_t)i);
		cumulative[i] = count;
	}
	count += (uint64_t)sum_shards(metrics, series->slot + (uint32_t)spec->n_bounds);
	visitor->histogram(arg, labels, spec->n_labels, spec->bounds, cumulative, spec->n_bounds,
	                   count, sum_shards(metrics, series->slot + (uint32_t)spec->n_bounds + 1));
}

void metrics_visit(struct metrics *metrics, const spore_metric_visitor *visitor, void *arg)
{
	pthread_mutex_lock(&metrics->lock);
	for (struct family *family = metrics->first; family; family = family->next) {
		visitor->begin(arg, &family->spec);
		for (struct series *s = family->first; s; s = s->next)
			visit_series(metrics, family, s, visitor, arg);
		if (visitor->end)
			visitor->end(arg);
	}
	pthread_mutex_unlock(&metrics->lock);
}
