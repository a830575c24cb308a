#include "config/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "diag/diag.h"
#include "files/access.h"
#include "files/files.h"
#include "json/parse.h"

enum { MAX_FILE = 64 * 1024 * 1024 };

/* Reads until the end, since a pipe has no size. NULL and *err. */
static char *read_to_end(int fd, const char *path, size_t *len_out, struct err *err)
{
	size_t size = 65536, len = 0;
	char *text = malloc(size), *more;
	ssize_t n = 1;

	while (text && len <= MAX_FILE && (n = read(fd, text + len, size - len)) > 0) {
		len += (size_t)n;
		if (len < size)
			continue;
		size *= 2;
		more = realloc(text, size);
		if (!more)
			free(text);
		text = more;
	}
	if (text && n == 0) {
		*len_out = len;
		return text;
	}
	if (text && n > 0)
		err_set(err, "expected at most 64 MiB in %s, found more", path);
	else
		err_set(err, "cannot read %s: %s", path, strerror(errno));
	free(text);
	return NULL;
}

/* *is_regular_out: false for a pipe or a device. */
static char *read_text(const char *path, size_t *len_out, bool *is_regular_out, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		err_set(err, "cannot open %s: %s", path, strerror(errno));
		goto out;
	}
	*is_regular_out = S_ISREG(st.st_mode);
	/* The folder's modes are not checked: a file that another user makes there belongs to that
	 * user, and is refused. */
	if (*is_regular_out && !access_is_safe(path, &st, err))
		goto out;
	text = read_to_end(fd, path, len_out, err);
out:
	if (fd >= 0)
		close(fd);
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
	files_note(files, doc, path);
	text = read_text(path, &len, &is_regular, &err);
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
