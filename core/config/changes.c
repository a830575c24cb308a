#include "config/changes.h"

#include <stdlib.h>
#include <string.h>

/* ---- looking up ---- */

/* The values of one side, sorted by their pointers. */
struct index {
	const struct effective_value **items;
	size_t n;
};

static int compare_pointers(const void *a, const void *b)
{
	const struct effective_value *x = *(const struct effective_value *const *)a;
	const struct effective_value *y = *(const struct effective_value *const *)b;

	return strcmp(x->pointer, y->pointer);
}

static bool index_init(struct index *index, const struct effective *of)
{
	*index = (struct index){ calloc(of->n + 1, sizeof *index->items), of->n };
	for (size_t i = 0; index->items && i < of->n; i++)
		index->items[i] = &of->items[i];
	if (index->items)
		qsort(index->items, index->n, sizeof *index->items, compare_pointers);
	return index->items != NULL;
}

static const struct effective_value *index_find(const struct index *index,
                                                const struct effective_value *value)
{
	const struct effective_value **found = bsearch(&value, index->items, index->n,
	                                               sizeof *index->items, compare_pointers);

	return found ? *found : NULL;
}

/* ---- comparing ---- */

static bool is_set(const struct effective_value *value)
{
	return value && !value->is_unset;
}

static char *copy_value(const struct effective_value *value)
{
	char *copy = strdup(value->value);

	if (copy && strlen(copy) > CHANGES_VALUE_SHOWN)
		strcpy(copy + CHANGES_VALUE_SHOWN - 3, "...");
	return copy;
}

/* Adds one difference, unless neither side is set. `from` or `to` may be NULL. False: out of
 * memory. */
static bool add_change(struct changes *changes, const struct effective_value *from,
                       const struct effective_value *to)
{
	const struct effective_value *either = to ? to : from;
	bool was_set = is_set(from), is_now_set = is_set(to);
	struct change *change;

	if (!was_set && !is_now_set)
		return true;
	change = &changes->items[changes->n++];
	*change = (struct change){ .kind = either->change,
		                   .from_is_default = was_set && from->is_default,
		                   .to_is_default = is_now_set && to->is_default };
	change->pointer = strdup(either->pointer);
	if (change->pointer && either->is_use) /* the whole instance has changed */
		*strrchr(change->pointer, '/') = '\0';
	change->from = was_set ? copy_value(from) : NULL;
	change->to = is_now_set ? copy_value(to) : NULL;
	return change->pointer && (change->from || !was_set) && (change->to || !is_now_set);
}

static bool is_same(const struct effective_value *a, const struct effective_value *b)
{
	if (a->is_derived && b->is_derived) /* the options behind them are compared */
		return true;
	return a->is_unset == b->is_unset && memcmp(a->digest, b->digest, sizeof a->digest) == 0;
}

/* True if `use` is the value of "use" of an instance ("/auth/1/use"), and `value` is one of the
 * same instance ("/auth/1/..."). NULL: false. */
static bool is_within(const struct effective_value *value, const struct effective_value *use)
{
	size_t len = use ? strlen(use->pointer) - strlen("use") : 0;

	return use && strncmp(value->pointer, use->pointer, len) == 0;
}

/* True if the operator has written this value. When an instance is added or removed, only its
 * written values are listed. */
static bool is_written(const struct effective_value *value)
{
	return !value->is_unset && !value->is_default && !value->is_derived;
}

/* Adds the values of `to` that are new or differ from those of `from`. If the "use" of an instance
 * has changed, its old values belong to another plugin. Then all its written values count as new.
 * False: out of memory. */
static bool add_changed(struct changes *changes, const struct effective *to,
                        const struct index *from)
{
	const struct effective_value *replaced = NULL; /* the "use" that has changed */

	for (size_t i = 0; i < to->n; i++) {
		const struct effective_value *value = &to->items[i], *old = index_find(from, value);

		if (is_within(value, replaced)) {
			if (is_written(value) && !add_change(changes, NULL, value))
				return false;
			continue;
		}
		if (old && is_same(old, value))
			continue;
		if (value->is_use)
			replaced = value;
		if (!add_change(changes, old, value))
			return false;
	}
	return true;
}

/* Adds the values that only `from` has. If the "use" of an instance has changed, its old values are
 * not added. False: out of memory. */
static bool add_removed(struct changes *changes, const struct effective *from,
                        const struct index *to)
{
	const struct effective_value *replaced = NULL; /* the "use" that has changed */
	const struct effective_value *removed = NULL;  /* the "use" of a removed instance */

	for (size_t i = 0; i < from->n; i++) {
		const struct effective_value *value = &from->items[i], *new = index_find(to, value);

		if (is_within(value, replaced) || (is_within(value, removed) && !is_written(value)))
			continue;
		if (value->is_use && !new)
			removed = value;
		else if (value->is_use && !is_same(value, new))
			replaced = value;
		if (!new && !add_change(changes, value, NULL))
			return false;
	}
	return true;
}

bool changes_find(const struct effective *from, const struct effective *to,
                  struct changes *changes_out)
{
	struct index old = { NULL, 0 }, new = { NULL, 0 };
	bool good = !from->failed && !to->failed && index_init(&old, from) && index_init(&new, to);

	*changes_out = (struct changes){ calloc(from->n + to->n + 1, sizeof *changes_out->items),
		                         0 };
	good = good && changes_out->items && add_changed(changes_out, to, &old) &&
	       add_removed(changes_out, from, &new);
	if (!good)
		changes_fini(changes_out);
	free(old.items);
	free(new.items);
	return good;
}

const char *changes_kind_name(enum option_change kind)
{
	static const char *const names[] = {
		[OPTION_LIVE] = "live",
		[OPTION_NEW_ONLY] = "new connections only",
		[OPTION_RESTART] = "needs a restart",
	};

	return names[kind];
}

void changes_fini(struct changes *changes)
{
	for (size_t i = 0; i < changes->n; i++) {
		free(changes->items[i].pointer);
		free(changes->items[i].from);
		free(changes->items[i].to);
	}
	free(changes->items);
	*changes = (struct changes){ NULL, 0 };
}
