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
	uint64_t stamp; /* of the file that all symbolic links lead to */
};

struct files {
	struct noted_file *items; /* the document owns the items and their paths */
	size_t n, room;
};

/* Notes a file; `path` is copied into the document. Does nothing if memory is out or `files` is
 * NULL. */
void files_note(struct files *files, struct json_doc *doc, const char *path);
/* True if a file has changed since it was noted. *now_out is a hash of the files' current state. */
bool files_differ(const struct files *files, uint64_t *now_out);

#endif
