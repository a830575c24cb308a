#include "option/value_secret.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto.h"
#include "log/log.h"
#include "option/value_describe.h"
#include "option/value_path.h"

enum { SECRET_MAX = 64 * 1024 };

/* Editors add a newline at the end; it is not part of the secret. */
static size_t without_newline(const char *text, size_t len)
{
	if (len && text[len - 1] == '\n')
		len--;
	if (len && text[len - 1] == '\r')
		len--;
	return len;
}

/* Reads up to the end of the file or `size` bytes. Returns -1 and errno on an error. */
static ssize_t read_all(int fd, char *out, size_t size)
{
	size_t len = 0;
	ssize_t n = 0;

	while (len < size && (n = read(fd, out + len, size - len)) > 0)
		len += (size_t)n;
	return n < 0 ? n : (ssize_t)len;
}

/* Copies the secret into the document at its exact size, since there may be thousands. */
static bool keep_secret(const struct option_scope *scope, const char *text, size_t len,
                        spore_str *out)
{
	char *kept = json_doc_alloc(scope->doc, len + 1);

	if (kept)
		memcpy(kept, text, len);
	*out = (spore_str){ kept, kept ? len : 0 };
	return kept != NULL;
}

/* Access for the group is the operator's choice. Access for everyone is most likely a mistake. */
static void warn_if_public(int fd, const char *path)
{
	char remedy[PATH_MAX + 16];
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !(st.st_mode & (S_IROTH | S_IWOTH)))
		return;
	snprintf(remedy, sizeof remedy, "chmod o-rwx %s", path);
	log_warn(st.st_mode & S_IWOTH ? "secret file is writable by everyone"
	                              : "secret file is readable by everyone",
	         log_str("path", path), log_str("run", remedy));
}

static bool secret_from_file(const struct option_scope *scope, const struct json *node,
                             spore_str *out)
{
	const char *path = value_path_to_read(scope, node);
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	char text[SECRET_MAX + 1];
	ssize_t n = fd < 0 ? -1 : read_all(fd, text, sizeof text);
	size_t len = n > 0 ? without_newline(text, (size_t)n) : 0;
	bool good = false;

	if (n < 0)
		diag_add(scope->diag, node, "cannot %s the secret file %s: %s",
		         fd < 0 ? "open" : "read", path ? path : "", strerror(errno));
	else if (n > SECRET_MAX)
		diag_add(scope->diag, node, "expected a secret of at most 64 KiB in %s, found more",
		         path);
	else if (len == 0)
		diag_add(scope->diag, node, "expected a secret in %s, found an empty file", path);
	else
		good = keep_secret(scope, text, len, out);
	if (good)
		warn_if_public(fd, path);
	if (fd >= 0)
		close(fd);
	if (n > 0)
		crypto_wipe(text, (size_t)n);
	return good;
}

static bool secret_from_variable(const struct option_scope *scope, const struct json *node,
                                 spore_str *out)
{
	const char *value = getenv(node->raw);

	if (!value || !*value) {
		diag_add(scope->diag, node,
		         "expected a secret in the environment variable %s, which is %s", node->raw,
		         value ? "empty" : "not set");
		return false;
	}
	*out = spore_cstr(value);
	return true;
}

bool value_read_secret(const struct option_scope *scope, const struct json *node, spore_str *out)
{
	const struct json *from = node->type == JSON_OBJECT && node->count == 1 ? node->first
	                                                                        : NULL;
	bool named = from && (strcmp(from->key, "file") == 0 || strcmp(from->key, "env") == 0);

	if (named && from->unknown)
		return false;
	if (named && (from->type != JSON_STRING || from->len == 0))
		return value_mismatch(scope, from,
		                      *from->key == 'f' ? "a file's path" : "a variable's name");
	if (named)
		return *from->key == 'f' ? secret_from_file(scope, from, out)
		                         : secret_from_variable(scope, from, out);
	json_mark_secret(scope->doc, node);
	if (node->type == JSON_STRING && node->len > 0) {
		*out = (spore_str){ node->raw, node->len };
		return true;
	}
	/* The value may be the secret: the message shows only its type. */
	diag_add(scope->diag, node, "expected a secret%s, found %s",
	         node->type == JSON_STRING ? "" : ": \"text\", {\"file\": PATH} or {\"env\": NAME}",
	         node->type == JSON_STRING ? "an empty string" : json_type_name(node->type));
	return false;
}
