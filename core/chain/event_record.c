#include "chain/event_record.h"

#include <stdatomic.h>
#include <stdlib.h>

struct event_record {
	atomic_uint refs;
	spore_event event; /* its texts are in `bytes` */
	char bytes[];
};

enum { TEXTS = 6 };

static void list_texts(spore_event *event, spore_str *texts_out[TEXTS])
{
	texts_out[0] = &event->identity;
	texts_out[1] = &event->name;
	texts_out[2] = &event->visitor;
	texts_out[3] = &event->reason;
	texts_out[4] = &event->plugin;
	texts_out[5] = &event->detail;
}

struct event_record *event_record_new(const spore_event *event)
{
	spore_event copy = *event;
	struct event_record *record;
	spore_str *texts[TEXTS];
	size_t size = 0;
	char *at;

	list_texts(&copy, texts);
	for (size_t i = 0; i < TEXTS; i++)
		size += texts[i]->len;
	record = malloc(sizeof *record + size);
	if (!record)
		return NULL;
	atomic_init(&record->refs, 1);
	at = record->bytes;
	for (size_t i = 0; i < TEXTS; i++) {
		if (texts[i]->len)
			memcpy(at, texts[i]->ptr, texts[i]->len);
		texts[i]->ptr = at;
		at += texts[i]->len;
	}
	record->event = copy;
	return record;
}

struct event_record *event_record_ref(struct event_record *record)
{
	atomic_fetch_add_explicit(&record->refs, 1, memory_order_relaxed);
	return record;
}

void event_record_unref(struct event_record *record)
{
	if (atomic_fetch_sub_explicit(&record->refs, 1, memory_order_acq_rel) == 1)
		free(record);
}

const spore_event *event_record_event(const struct event_record *record)
{
	return &record->event;
}
