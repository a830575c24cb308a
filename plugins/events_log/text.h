/* text - bytes that grow. */
#ifndef EVENTS_LOG_TEXT_H
#define EVENTS_LOG_TEXT_H

#include <spore/base.h>
#include <stdbool.h>

/* A zeroed struct is empty. */
struct text {
	char *bytes; /* owned */
	size_t len, room;
	bool has_failed; /* memory was out: something is missing */
};

void text_add(struct text *text, const char *bytes, size_t len);
void text_add_number(struct text *text, int64_t number);
/* Forgets the bytes and a failure, and keeps the memory. */
void text_clear(struct text *text);
void text_fini(struct text *text);

#endif
