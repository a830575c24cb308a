#include "config/file.h"

#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "diag/diag.h"
#include "files/access.h"
#include "files/files.h"
#include "files/input.h"
#include "thread/reading.h"
#include "json/parse.h"

enum { MOST_MIB = 64 };

/* *is_regular_out: false for a pipe or a terminal. `origin` names what has named the path. */
static char *read_text(const char *path, const char *origin, size_t *len_out, bool *is_regular_out,
                       struct err *err)
{
	struct input input;
	char *text = NULL;

	if (!input_open(&input, path, origin, err)) {
		err_prefix(err, "cannot open %s", path);
		goto out;
	}
	*is_regular_out = S_ISREG(input.st.st_mode);
	/* The folder's modes are not checked: a file that another user makes there belongs to that
	 * user, and is refused. */
	if (*is_regular_out && !access_is_safe(path, &input.st, err))
		goto out;
	text = input_read_all(&input, MOST_MIB, len_out, err);
	if (!text)
		err_prefix(err, "cannot read %s", path);
out:
	input_close(&input);
	return text;
}

void file_warn_of_modes(const char *path)
{
	struct stat st;

	if (path && stat(path, &st) == 0 && S_ISREG(st.st_mode) && access_is_doubtful(&st))
		access_warn("configuration", path);
}

static const char *folder_of(struct json_doc *doc, const char *path)
{
	char *folder = json_doc_alloc(doc, strlen(path) + 2);

	return folder ? dirname(strcpy(folder, path)) : NULL;
}

struct text_check {
	struct diag *diag;
	const struct json_source *source;
};

static void on_mistake(void *arg, size_t offset, const char *text)
{
	struct text_check *check = arg;

	diag_add_at(check->diag, check->source, offset, text);
}

struct json *file_load(struct json_doc *doc, struct files *files, const char *path,
                       const char *origin, const char **folder_out, struct diag *diag)
{
	struct text_check check = { diag, NULL };
	struct json_source *source;
	struct json *root;
	bool is_regular = false;
	struct err err;
	char *text;
	size_t len;

	*folder_out = NULL;
	reading_begin(path, origin);
	files_note(files, doc, path);
	reading_end();
	text = read_text(path, origin, &len, &is_regular, &err);
	if (!text) {
		diag_add_at(diag, json_source_add(doc, origin, NULL, 0), 0, err.text);
		return NULL;
	}
	check.source = source = json_source_add(doc, path, text, len);
	free(text);
	if (is_regular)
		*folder_out = folder_of(doc, path);
	root = source ? json_parse_all(doc, source, on_mistake, &check) : NULL;
	if (root && root->type != JSON_OBJECT) {
		diag_add(diag, root, "expected an object, found %s", json_type_name(root->type));
		return NULL;
	}
	return root;
}
