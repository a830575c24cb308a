/* files - the files that a configuration was read from, each as it was then. [main]
 *
 * A file is noted before it is read: so no change falls in between. One that is not there may be
 * noted, too; its coming is a change. What is neither a file nor a folder, a pipe say, is left out.
 */
#ifndef CORE_FILES_H
#define CORE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_doc;

struct noted_file {
	const char *path;
	uint64_t stamp; /* of what the path led to, through all links */
};

struct files {
	struct noted_file *items; /* the document's, as the paths are */
	size_t n, room;
};

/* `path` is copied into the document. Out of memory: it is not noted. NULL is fine for files. */
void files_note(struct files *files, struct json_doc *doc, const char *path);
/* Is one of them not what it was? *now_out tells this state of them from others. */
bool files_differ(const struct files *files, uint64_t *now_out);

#endif
