/* json - a JSON text as a tree of nodes that know where they stand in the text.
 *
 * The configuration is such a tree. Nodes can be moved, and nodes from flags and environment
 * variables can be added. The document owns all nodes and frees them together. Not thread-safe
 * while it is changed. */
#ifndef CORE_JSON_H
#define CORE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* Where a value came from. `text` is the text of a file; NULL for a flag or an environment
 * variable. */
struct json_source {
	const char *name; /* "spore.json", "--port", "SPORE_SECRET" */
	const char *text;
	size_t len;
	struct json_secret *secrets;
	bool is_read; /* all its secrets are marked: no more are added */
};
/* A value in the source that must not be shown. For a string, the bytes between its quotes. */
struct json_secret {
	struct json_secret *next;
	size_t start, end;
};

struct json {
	enum json_type type;
	const char *key; /* in an object; NULL elsewhere */
	const char *raw; /* NUMBER: as written; STRING: its text, NUL-terminated */
	size_t len;      /* of raw */
	double number;
	bool boolean;
	bool unknown; /* its text had a mistake, already reported: the value is not known */
	struct json *parent, *next; /* borrowed: the document owns all nodes */
	struct json *first, *last;  /* children */
	size_t count;
	struct json **items;        /* an array of the children; NULL before json_index */
	struct json_doc *doc;       /* in the root of a reply (json/reply); else NULL */
	struct json_source *source; /* NULL: the program made it */
	size_t offset, end;         /* in source->text; of a quoted string: those of its quotes */
	size_t key_offset;          /* 0: the source has no key for it */
	const char *written_as;     /* its former key at the top of the source, if it was moved */
	/* The value of the file or of a variable that this one replaces; NULL: none. */
	struct json *overrides;
};

/* True if a file contains the node: it does not come from a flag, a variable or the program. */
static inline bool json_is_in_file(const struct json *node)
{
	return node->source && node->source->text;
}

struct json_doc;

/* An empty document whose root is an object. NULL: out of memory. */
struct json_doc *json_doc_new(void);
/* Wipes and frees all nodes and texts. NULL is fine. */
void json_doc_free(struct json_doc *doc);
struct json *json_doc_root(struct json_doc *doc);
/* Zeroed memory that is wiped and freed with the document. NULL: out of memory. */
void *json_doc_alloc(struct json_doc *doc, size_t size);
/* A NUL-terminated copy of the text in such memory. NULL: out of memory. */
char *json_doc_text(struct json_doc *doc, const char *text, size_t len);

/* Adds a source to the document; `name` and `text` (may be NULL) are copied. NULL: out of
 * memory. */
struct json_source *json_source_add(struct json_doc *doc, const char *name, const char *text,
                                    size_t len);
/* A new node without a parent. raw: the text of a STRING or NUMBER, which is copied; NULL for other
 * types. Returns NULL if memory is out. */
struct json *json_new(struct json_doc *doc, enum json_type type, const char *raw,
                      struct json_source *source);
/* A new STRING of `len` bytes, which are copied. NULL: out of memory. */
struct json *json_new_text(struct json_doc *doc, const char *text, size_t len,
                           struct json_source *source);
/* Hides the value in excerpts of its source from now on. */
void json_mark_secret(struct json_doc *doc, const struct json *node);

/* Detaches `child` from its parent, if any, and appends it to `container`. `key` is copied; NULL if
 * the container is an array. */
void json_add(struct json_doc *doc, struct json *container, const char *key, struct json *child);
/* Removes the node from its parent, if any. */
void json_detach(struct json *node);
/* The member named `key`, or NULL; also NULL if `object` is NULL or not an OBJECT. */
struct json *json_get(const struct json *object, const char *key);

/* The child of this index, or NULL. Walks the children unless json_index was called. */
struct json *json_child(const struct json *container, size_t index);
/* Makes json_child quick for the node and all below it, which must not change any more. False: out
 * of memory. */
bool json_index(struct json_doc *doc, struct json *node);

/* "an object", "a string" ... */
const char *json_type_name(enum json_type type);

#endif
