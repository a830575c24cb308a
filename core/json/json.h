/* json - a JSON text as a tree that remembers where each value stands.
 *
 * The config's tree: scanned strictly (scan), built by cJSON, then kept in nodes of our own, which
 * may be edited and joined with values from flags and variables. A text with mistakes may still be
 * read (mend), to find more of them. A node lives as long as its document. Not thread-safe while it
 * is edited; read-only afterwards. */
#ifndef CORE_JSON_H
#define CORE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* Where a value came from. `text` is the whole source, or NULL for a flag or a variable. */
struct json_source {
	const char *name; /* "spore.json", "--port", "SPORE_SECRET" */
	const char *text;
	size_t len;
	struct json_secret *secrets;
};
/* A value of the source that must not be shown; of a string what is between its quotes. */
struct json_secret {
	struct json_secret *next;
	size_t start, end;
};

struct json {
	enum json_type type;
	const char *key; /* in an object; NULL elsewhere */
	const char *raw; /* NUMBER: as written; STRING: its text, NUL-ended */
	size_t len;      /* of raw */
	double number;
	bool boolean;
	bool unknown; /* its text was wrong, which has been reported: what it should be is not known
	               */
	struct json *parent, *next; /* borrowed: the document owns all nodes */
	struct json *first, *last;  /* children */
	size_t count;
	struct json_source *source; /* NULL: of our own making */
	size_t offset, end;         /* in source->text */
	size_t key_offset;          /* 0: no key there */
	const char *written_as; /* key at the top of its source, if it has been moved from there */
};

struct json_doc;

/* An empty document whose root is an object. NULL: out of memory. */
struct json_doc *json_doc_new(void);
/* Wipes and frees all nodes and texts. NULL is fine. */
void json_doc_free(struct json_doc *doc);
struct json *json_doc_root(struct json_doc *doc);
/* Zeroed memory that lives, and is wiped, with the document. NULL: out of memory. */
void *json_doc_alloc(struct json_doc *doc, size_t size);
/* A copy of the text, NUL-ended, in such memory. NULL: out of memory. */
char *json_doc_text(struct json_doc *doc, const char *text, size_t len);

/* A source in the document; `text` is copied (NULL: none). NULL: out of memory. */
struct json_source *json_source_add(struct json_doc *doc, const char *name, const char *text,
                                    size_t len);
/* A fresh node without a parent. raw: text of a STRING or NUMBER (copied), else NULL. */
struct json *json_new(struct json_doc *doc, enum json_type type, const char *raw,
                      struct json_source *source);
/* A STRING of `len` bytes, which are copied. */
struct json *json_new_text(struct json_doc *doc, const char *text, size_t len,
                           struct json_source *source);
/* From now on this value is not shown in excerpts of its source. */
void json_mark_secret(struct json_doc *doc, const struct json *node);

/* Adds a child at the end; `key` (copied) for objects. Takes it from its old parent first. */
void json_add(struct json_doc *doc, struct json *container, const char *key, struct json *child);
void json_detach(struct json *node);
/* The member named `key`, or NULL. NULL too if object is NULL or no object. */
struct json *json_get(const struct json *object, const char *key);

/* "an object", "a string" ... */
const char *json_type_name(enum json_type type);

#endif
