#include "option/value_path.h"

#include <stdio.h>
#include <string.h>

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

const char *value_path_to_read(const struct option_scope *scope, const struct json *node)
{
	const char *path = value_path(scope, node);

	if (path)
		files_note(scope->files, scope->doc, path);
	return path;
}
