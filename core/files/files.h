/* files - the files that a configuration was read from, and whether they have changed since. [main]
 *
 * A file is noted before it is read, so a change during the reading is noticed. A path without a
 * file may be noted too; the file's appearance is a change. Only regular files and folders are
 * noted, not pipes or devices. */
#ifndef CORE_FILES_H
#define CORE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_doc;

struct noted_file {
	const char *path;
	uint64_t stamp;   /* of the file that all symbolic links lead to */
	bool of_instance; /* a plugin instance reads it */
};

struct files {
	struct noted_file *items; /* the document owns the items and their paths */
	size_t n, room;
};

/* Notes a file; `path` is copied into the document. Does nothing if memory is out or `files` is
 * NULL. */
void files_note(struct files *files, struct json_doc *doc, const char *path);
/* Adds a file that was noted elsewhere. Its path is copied. Does nothing if memory is out. */
void files_add(struct files *files, struct json_doc *doc, const struct noted_file *file);
/* Takes over the states of those files that `newer` contains, too, since they were read again. */
void files_update(struct files *files, const struct files *newer);
/* The hash that files_differ stores as long as no file has changed since it was noted. [any] */
uint64_t files_noted(const struct files *files);
/* True if a file has changed since it was noted. *now_out is a hash of the files' current state.
 * [any] */
bool files_differ(const struct files *files, uint64_t *now_out);
/* Returns the paths of the files that have changed since they were noted, with ", " between them.
 * The caller frees it. NULL: out of memory. [any] */
char *files_name_changed(const struct files *files);
/* Runs on_file once for each file that both have noted in different states, in the order of the
 * paths. Finds nothing if memory is out. */
void files_compare(const struct files *from, const struct files *to,
                   void (*on_file)(const char *path, void *arg), void *arg);

#endif
