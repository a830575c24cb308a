#include "option/value_path.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "files/input.h"
#include "thread/reading.h"
#include "json/pointer.h"

const char *value_path(const struct option_scope *scope, const struct json *node)
{
	const char *path = node->raw;
	size_t size = strlen(path) + 2 + (scope->folder ? strlen(scope->folder) : 0);
	bool is_relative = *path && *path != '/';
	char *full;

	if (!is_relative || !scope->folder || !json_is_in_file(node))
		return path;
	path += strncmp(path, "./", 2) == 0 ? 2 : 0;
	full = json_doc_alloc(scope->doc, size);
	if (full)
		snprintf(full, size, "%s/%s", scope->folder, path);
	return full;
}

void value_path_note(const struct option_scope *scope, const struct json *node, const char *path)
{
	char option[512];

	json_pointer(node, option, sizeof option);
	reading_begin(path, option);
	files_note(scope->files, scope->doc, path);
	reading_end();
}

const char *value_path_to_read(const struct option_scope *scope, const struct json *node)
{
	const char *path = value_path(scope, node);

	if (path)
		value_path_note(scope, node, path);
	return path;
}

/* A file that cannot be opened is left to the plugin, which says what it lacks. Opening it here
 * lets the log name a file that blocks, with its option. */
const char *value_path_of_file(const struct option_scope *scope, const struct json *node)
{
	const char *path = value_path_to_read(scope, node);
	struct input input;
	char option[512];
	struct err err;
	mode_t mode;

	if (!path)
		return NULL;
	json_pointer(node, option, sizeof option);
	input_open(&input, path, option, &err);
	mode = input.st.st_mode;
	input_close(&input);
	if (mode == 0 || S_ISREG(mode) || S_ISDIR(mode))
		return path;
	diag_add(scope->diag, node, "cannot read %s: it is not a regular file", path);
	return NULL;
}
