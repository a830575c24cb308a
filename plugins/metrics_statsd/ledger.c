#include "ledger.h"

#include <stdlib.h>

/* Does not occur in UTF-8. */
#define SEPARATOR '\xFF'

enum { BUCKETS = 1024 };

struct entry {
	struct entry *next; /* in the same bucket */
	double sent;
	size_t len;
	char key[]; /* family, part and label values; the family implies the label names */
};

struct ledger {
	unsigned refs;
	struct entry *buckets[BUCKETS];
	char *key; /* owned; of the current look-up; `len` bytes of `size` are used */
	size_t len, size;
};

struct ledger *ledger_new(void)
{
	struct ledger *ledger = calloc(1, sizeof *ledger);

	if (ledger)
		ledger->refs = 1;
	return ledger;
}

struct ledger *ledger_share(struct ledger *ledger)
{
	ledger->refs++;
	return ledger;
}

void ledger_release(struct ledger *ledger)
{
	if (!ledger || --ledger->refs > 0)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		while (ledger->buckets[i]) {
			struct entry *entry = ledger->buckets[i];

			ledger->buckets[i] = entry->next;
			free(entry);
		}
	}
	free(ledger->key);
	free(ledger);
}

static int add_to_key(struct ledger *ledger, const char *text, size_t len)
{
	if (ledger->len + len + 1 > ledger->size) {
		size_t size = 2 * (ledger->len + len + 1);
		char *more = realloc(ledger->key, size);

		if (!more)
			return 0;
		ledger->key = more;
		ledger->size = size;
	}
	if (len)
		memcpy(ledger->key + ledger->len, text, len);
	ledger->len += len;
	ledger->key[ledger->len++] = SEPARATOR;
	return 1;
}

static int make_key(struct ledger *ledger, const struct line_name *name)
{
	const char *part = name->part ? name->part : "";
	int good;

	ledger->len = 0;
	good = add_to_key(ledger, name->family, strlen(name->family)) &&
	       add_to_key(ledger, part, strlen(part));
	for (size_t i = 0; good && i < name->n_labels; i++)
		good = add_to_key(ledger, name->labels[i].value.ptr, name->labels[i].value.len);
	return good;
}

/* Returns the link to the entry of the ledger's key, or the link at which it must be added. */
static struct entry **find_entry(struct ledger *ledger)
{
	uint32_t hash = 2166136261u; /* FNV-1a */
	struct entry **link;

	for (size_t i = 0; i < ledger->len; i++)
		hash = (hash ^ (uint8_t)ledger->key[i]) * 16777619u;
	link = &ledger->buckets[hash % BUCKETS];
	while (*link &&
	       ((*link)->len != ledger->len || memcmp((*link)->key, ledger->key, ledger->len) != 0))
		link = &(*link)->next;
	return link;
}

double *ledger_entry(struct ledger *ledger, const struct line_name *name)
{
	struct entry **link;

	if (!make_key(ledger, name))
		return NULL;
	link = find_entry(ledger);
	if (!*link) {
		*link = calloc(1, sizeof **link + ledger->len);
		if (!*link)
			return NULL;
		(*link)->len = ledger->len;
		memcpy((*link)->key, ledger->key, ledger->len);
	}
	return &(*link)->sent;
}
