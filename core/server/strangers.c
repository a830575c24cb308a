#include "server/strangers.h"

void stranger_list_init(struct stranger_list *list, unsigned most)
{
	list_init(&list->all);
	list->count = 0;
	list->most = most;
}

void stranger_init(struct stranger *stranger)
{
	list_init(&stranger->node);
	stranger->source = NULL;
}

bool stranger_add(struct stranger_list *list, struct stranger *stranger, struct source *source)
{
	stranger->source = source;
	list_append(&list->all, &stranger->node);
	return ++list->count >= list->most;
}

void stranger_remove(struct stranger_list *list, struct stranger *stranger)
{
	if (!stranger->source)
		return;
	source_leave(stranger->source);
	source_unref(stranger->source);
	stranger->source = NULL;
	list_remove(&stranger->node);
	list->count--;
}

struct stranger *stranger_heaviest(const struct stranger_list *list)
{
	struct stranger *heaviest = NULL;
	unsigned most = 0;

	for (struct list *i = list->all.next; i != &list->all; i = i->next) {
		struct stranger *stranger = LIST_OWNER(i, struct stranger, node);
		unsigned weight = source_weight(stranger->source);

		if (weight > most) {
			most = weight;
			heaviest = stranger;
		}
	}
	return heaviest;
}
