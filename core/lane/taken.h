/* taken - the visitors that a client was handed lately, so that it serves none of them twice: if a
 * connection is lost while a visitor is handed over on it, the server announces that visitor, and
 * the client may have it already. Or the visitor was announced, and is handed over late.
 *
 * A visitor is remembered for TAKEN_MS, unless it is forgotten before. [any] */
#ifndef CORE_TAKEN_H
#define CORE_TAKEN_H

#include <pthread.h>
#include <stdint.h>

#include "base/list.h"
#include "base/uuid.h"

struct taken_entry;

/* A server announces a visitor within 11 s of handing it over. */
enum { TAKEN_MS = 15000, TAKEN_MOST = 200000, TAKEN_BUCKETS = 4096 };

enum taken_as {
	TAKEN_NOT,       /* it was not known */
	TAKEN_OPENED,    /* handed over */
	TAKEN_ANNOUNCED, /* announced */
	TAKEN_UNSURE     /* memory is out, or TAKEN_MOST are remembered */
};

struct taken {
	pthread_mutex_t lock;
	struct list by_age; /* of struct taken_entry, oldest first */
	struct taken_entry *buckets[TAKEN_BUCKETS];
	unsigned n;
};

void taken_init(struct taken *taken);
void taken_fini(struct taken *taken);
/* A visitor comes in this way. Returns how it came before, and then changes nothing. TAKEN_NOT: it
 * is remembered now. now_ms: of clock_ms(). */
enum taken_as taken_note(struct taken *taken, const struct uuid *id, enum taken_as as,
                         int64_t now_ms);
/* The server knows that the client has it. */
void taken_forget(struct taken *taken, const struct uuid *id);

#endif
