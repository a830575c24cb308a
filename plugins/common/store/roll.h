/* roll - the keys of all clients of a store, for answers without a name, as bore's clients give
 * them. Every key is tried. The number of keys is bounded, and all workers share them. The roll
 * decides nothing until its owner says that it is complete and current. This code is compiled into
 * each plugin that uses it. */
#ifndef COMMON_ROLL_H
#define COMMON_ROLL_H

#include "evidence.h"

struct roll_entry {
	char name[SPORE_IDENTITY_MAX + 1];
	uint8_t key[RECORD_KEY_SIZE];
	struct terms terms;
};

struct roll;

/* max >= 1. NULL: out of memory. [main] */
struct roll *roll_new(size_t max);
/* Wipes and frees. Accepts NULL. [main] */
void roll_free(struct roll *roll);

enum roll_says { ROLL_WRONG, ROLL_RIGHT, ROLL_NOT_CURRENT };

/* Looks for the key that made an answer. ROLL_RIGHT: *out is a copy, which the caller wipes. [any]
 */
enum roll_says roll_find(struct roll *roll, const struct evidence *evidence,
                         const struct evidence_rules *rules, struct roll_entry *out);
/* Enters what the store says of a name now. A record without a key, or NULL, takes the name out.
 * False: there is no room, or no memory. [any] */
bool roll_put(struct roll *roll, const char *name, const struct record *record);
/* Says whether the roll holds what the store says. [any] */
void roll_set_current(struct roll *roll, bool is_current);
/* Calls `visit` with each name, under the lock. [any] */
void roll_each_name(struct roll *roll, void (*visit)(void *arg, const char *name), void *arg);
/* The number of keys. [any] */
size_t roll_count(struct roll *roll);

#endif
