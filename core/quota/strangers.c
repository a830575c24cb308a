#include "quota/strangers.h"

#include <stdlib.h>

#include "base/container.h"
#include "quota/limits.h"

struct crowd {
	struct list level;     /* in list->levels; the crowd that reached its size first is first */
	struct crowd *next;    /* in its bucket */
	struct source *source; /* borrowed: its strangers have references */
	struct list all;       /* of struct stranger, oldest first */
	unsigned count;
};

void stranger_list_init(struct stranger_list *list, atomic_uint *total)
{
	*list = (struct stranger_list){ .total = total };
	for (size_t i = 0; i < STRANGER_LEVELS; i++)
		list_init(&list->levels[i]);
}

void stranger_init(struct stranger *stranger)
{
	*stranger = (struct stranger){ 0 };
	list_init(&stranger->node);
}

/* ---- crowds ---- */

/* The link that points to the source's crowd, or to NULL. */
static struct crowd **find_crowd(struct stranger_list *list, const struct source *source)
{
	struct crowd **link = &list->buckets[(uintptr_t)source / 64 % STRANGER_BUCKETS];

	while (*link && (*link)->source != source)
		link = &(*link)->next;
	return link;
}

static struct crowd *get_crowd(struct stranger_list *list, struct source *source)
{
	struct crowd **link = find_crowd(list, source), *crowd = *link;

	if (crowd)
		return crowd;
	crowd = calloc(1, sizeof *crowd);
	if (!crowd)
		return NULL;
	crowd->source = source;
	list_init(&crowd->level);
	list_init(&crowd->all);
	*link = crowd;
	return crowd;
}

/* Moves a crowd to the level of its size, and frees an empty one. */
static void settle_crowd(struct stranger_list *list, struct crowd *crowd)
{
	unsigned level = crowd->count < STRANGER_LEVELS ? crowd->count : STRANGER_LEVELS - 1;

	list_remove(&crowd->level);
	if (crowd->count == 0) {
		*find_crowd(list, crowd->source) = crowd->next;
		free(crowd);
	} else {
		list_append(&list->levels[level], &crowd->level);
		if (level > list->top)
			list->top = level;
	}
	while (list->top > 0 && list_is_empty(&list->levels[list->top]))
		list->top--;
}

static struct stranger *oldest_of(const struct crowd *crowd)
{
	return CONTAINER_OF(crowd->all.next, struct stranger, node);
}

/* ---- strangers ---- */

static void join_crowd(struct stranger_list *list, struct crowd *crowd, struct stranger *stranger)
{
	stranger->crowd = crowd;
	list_append(&crowd->all, &stranger->node);
	crowd->count++;
	list->count++;
	atomic_fetch_add(list->total, 1);
	settle_crowd(list, crowd);
}

static void leave_crowd(struct stranger_list *list, struct stranger *stranger)
{
	struct crowd *crowd = stranger->crowd;

	list_remove(&stranger->node);
	stranger->crowd = NULL;
	crowd->count--;
	list->count--;
	atomic_fetch_sub(list->total, 1);
	settle_crowd(list, crowd);
}

bool stranger_add(struct stranger_list *list, struct stranger *stranger, struct source *source,
                  bool asked_for)
{
	struct crowd *crowd = asked_for ? NULL : get_crowd(list, source);

	if (!asked_for && !crowd) {
		source_leave(source, false);
		source_unref(source);
		return false;
	}
	stranger->source = source;
	if (crowd)
		join_crowd(list, crowd, stranger);
	return true;
}

void stranger_remove(struct stranger_list *list, struct stranger *stranger)
{
	bool asked_for = !stranger->crowd;

	if (!stranger->source)
		return;
	if (!asked_for)
		leave_crowd(list, stranger);
	source_leave(stranger->source, asked_for);
	source_unref(stranger->source);
	stranger->source = NULL;
}

/* The hit of a limit that follows from the limit on all strangers. */
static struct limit_hit limit_in_all(const struct limits *limits, unsigned most)
{
	struct limit_hit hit = { .why = REFUSED_CROWD,
		                 .most = most,
		                 .from = "limits.max_unauthenticated" };

	if (limits->settings.max_unauthenticated == 0)
		hit.from = "descriptors";
	return hit;
}

static struct limit_hit limit_of_one(const struct limits *limits, const struct source *source)
{
	return source_is_proxy(source) ? limit_in_all(limits, limits_of_proxy(limits))
	                               : limits_of_source(limits, REFUSED_CROWD);
}

/* If the newcomer's source has more than its share, the oldest of its own crowd goes. If there are
 * too many strangers in all, the oldest of the largest crowd goes. A worker never closes its only
 * stranger, so each worker may exceed the limits by one. */
struct stranger *stranger_to_close(const struct stranger_list *list,
                                   const struct stranger *newcomer, const struct limits *limits,
                                   bool scarce, struct limit_hit *hit_out)
{
	bool is_over = atomic_load(list->total) > limits->strangers;

	if (!newcomer->crowd) /* an expected data connection */
		return NULL;
	if (newcomer->crowd->count > 1 && source_is_over(newcomer->source, limits)) {
		*hit_out = limit_of_one(limits, newcomer->source);
		return oldest_of(newcomer->crowd);
	}
	if (list->count <= 1)
		return NULL;
	if (is_over)
		*hit_out = limit_in_all(limits, limits->strangers);
	else if (scarce)
		*hit_out = (struct limit_hit){ .why = REFUSED_CROWD,
			                       .most = limits->scarce_fd,
			                       .from = "descriptors" };
	else
		return NULL;
	return oldest_of(CONTAINER_OF(list->levels[list->top].next, struct crowd, level));
}
