#include "metrics/spec.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static bool is_name(const char *name)
{
	if (!name || !(*name >= 'a' && *name <= 'z'))
		return false;
	return name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

static bool ends_in(const char *name, const char *suffix)
{
	size_t len = strlen(name), tail = strlen(suffix);

	return len >= tail && strcmp(name + len - tail, suffix) == 0;
}

static const char *label_fault(const spore_metric_spec *spec)
{
	if (spec->n_labels > SPEC_MAX_LABELS)
		return "a family has at most 32 labels";
	if (!spec->labels && spec->n_labels)
		return "its labels are NULL";
	for (size_t i = 0; i < spec->n_labels; i++) {
		const char *label = spec->labels[i];

		if (!is_name(label))
			return "a label's name must match [a-z][a-z0-9_]*";
		if (spec_is_distribution(spec) &&
		    (strcmp(label, "le") == 0 || strcmp(label, "quantile") == 0))
			return "the labels le and quantile are reserved for exporters";
		for (size_t k = 0; k < i; k++) {
			if (strcmp(label, spec->labels[k]) == 0)
				return "two labels have the same name";
		}
	}
	return NULL;
}

static const char *bounds_fault(const spore_metric_spec *spec)
{
	if (spec->n_bounds > SPEC_MAX_BOUNDS)
		return "a histogram has at most 64 bounds";
	if (!spec->bounds && spec->n_bounds)
		return "its bounds are NULL";
	if ((spec->type == SPORE_METRIC_HISTOGRAM) != (spec->n_bounds > 0))
		return "a histogram must have bounds, and other types must not";
	for (size_t i = 0; i < spec->n_bounds; i++) {
		if (!isfinite(spec->bounds[i]) ||
		    (i > 0 && !(spec->bounds[i - 1] < spec->bounds[i])))
			return "bounds must be finite and in ascending order";
	}
	return NULL;
}

const char *spec_fault(const spore_metric_spec *spec)
{
	const char *fault;

	if (!is_name(spec->name))
		return "a name must match [a-z][a-z0-9_]*";
	if (spec->type < SPORE_METRIC_COUNTER || spec->type > SPORE_METRIC_SUMMARY)
		return "the type is unknown";
	if ((spec->type == SPORE_METRIC_COUNTER) != ends_in(spec->name, "_total"))
		return "a counter's name must end in _total, and other names must not";
	fault = bounds_fault(spec);
	return fault ? fault : label_fault(spec);
}

bool spec_same_shape(const spore_metric_spec *a, const spore_metric_spec *b)
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

/* The length of the name that exporters append to. OpenMetrics names a counter's family without its
 * _total. */
static size_t base_len(const spore_metric_spec *spec)
{
	return strlen(spec->name) - (spec->type == SPORE_METRIC_COUNTER ? strlen("_total") : 0);
}

/* True if a sample of `one` has the name of `other`, or both have one name in OpenMetrics. */
static bool takes_name(const spore_metric_spec *one, const spore_metric_spec *other)
{
	static const char *const appended[] = { "_sum", "_count", "_bucket" };
	size_t len = base_len(one);

	if (strncmp(one->name, other->name, len) != 0)
		return false;
	if (base_len(other) == len)
		return true;
	for (size_t i = 0; spec_is_distribution(one) && i < sizeof appended / sizeof *appended;
	     i++) {
		if (strcmp(other->name + len, appended[i]) == 0)
			return true;
	}
	return false;
}

bool spec_clash(const spore_metric_spec *a, const spore_metric_spec *b)
{
	return takes_name(a, b) || takes_name(b, a);
}

static char *copy_text(const char *text, bool *ok)
{
	char *copy = text ? strdup(text) : NULL;

	*ok = *ok && (copy || !text);
	return copy;
}

bool spec_copy(spore_metric_spec *copy_out, const spore_metric_spec *spec)
{
	char **labels = calloc(spec->n_labels + 1, sizeof *labels);
	double *bounds = calloc(spec->n_bounds + 1, sizeof *bounds);
	bool ok = true;

	if (!labels || !bounds) {
		free(labels);
		free(bounds);
		return false;
	}
	*copy_out = (spore_metric_spec){
		.struct_size = sizeof *copy_out,
		.type = spec->type,
		.name = copy_text(spec->name, &ok),
		.help = copy_text(spec->help ? spec->help : "", &ok),
		.unit = copy_text(spec->unit, &ok),
		.labels = (const char *const *)labels,
		.n_labels = spec->n_labels,
		.bounds = bounds,
		.n_bounds = spec->n_bounds,
		.max_series = spec->max_series ? spec->max_series : SPEC_DEFAULT_MAX_SERIES,
	};
	for (size_t i = 0; i < spec->n_labels; i++)
		labels[i] = copy_text(spec->labels[i], &ok);
	if (spec->n_bounds)
		memcpy(bounds, spec->bounds, spec->n_bounds * sizeof *bounds);
	if (!ok)
		spec_fini(copy_out);
	return ok;
}

/* The pointers of a spec are const, but those of a copy lead to memory that the copy owns. */
static void free_const(const void *memory)
{
	free((void *)(uintptr_t)memory);
}

void spec_fini(spore_metric_spec *copy)
{
	for (size_t i = 0; i < copy->n_labels; i++)
		free_const(copy->labels[i]);
	free_const(copy->labels);
	free_const(copy->name);
	free_const(copy->help);
	free_const(copy->unit);
	free_const(copy->bounds);
}
