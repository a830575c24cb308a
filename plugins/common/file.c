#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/report.h"

/* Reads up to `size` bytes. Returns their number; -1: errno is set. */
static ssize_t read_all(int fd, char *out, size_t size)
{
	size_t len = 0;
	ssize_t n = 0;

	while (len < size && (n = read(fd, out + len, size - len)) > 0)
		len += (size_t)n;
	return n < 0 ? n : (ssize_t)len;
}

/* Returns NULL, or why the file cannot be read. The caller closes *fd_out in both cases, unless it
 * is -1. */
static const char *open_file(const char *path, int *fd_out)
{
	struct stat st;

	/* O_NONBLOCK: opening a pipe without a writer would block. */
	*fd_out = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (*fd_out < 0 || fstat(*fd_out, &st) != 0)
		return strerrordesc_np(errno);
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? "it is a directory" : "it is not a regular file";
	return NULL;
}

/* Reads one byte more than allowed, so that the caller notices a file that is too long. Returns
 * NULL, or why it failed. */
static const char *read_text(int fd, size_t max, spore_str *out)
{
	char *text = malloc(max + 2);
	ssize_t len = text ? read_all(fd, text, max + 1) : 0;

	if (!text)
		return "out of memory";
	if (len < 0) {
		free(text);
		return strerrordesc_np(errno);
	}
	text[len] = '\0';
	*out = (spore_str){ text, (size_t)len };
	return NULL;
}

void file_warn_of_writers(const spore_create_args *args, const char *path, int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || !(st.st_mode & (S_IWGRP | S_IWOTH)))
		return;
	spore_logf(args->host, args->ctx, SPORE_LOG_WARN,
	           "%.800s is writable by %s: run `chmod go-w %.800s`", path,
	           st.st_mode & S_IWOTH ? "everyone" : "its group", path);
}

bool file_read(const spore_create_args *args, const char *pointer, const char *path, size_t max,
               spore_str *out)
{
	int fd;
	const char *why = open_file(path, &fd);

	*out = (spore_str){ NULL, 0 };
	if (!why)
		why = read_text(fd, max, out);
	if (!why)
		file_warn_of_writers(args, path, fd);
	if (fd >= 0)
		close(fd);
	if (why)
		report(args, pointer, "cannot read %.800s: %s", path, why);
	else if (out->len > max)
		report(args, pointer, "expected a file of at most %zu KiB, found more in %.800s",
		       max / 1024, path);
	else
		return true;
	file_free(out);
	return false;
}

void file_free(spore_str *text)
{
	char *bytes = (char *)text->ptr;

	if (bytes)
		explicit_bzero(bytes, text->len);
	free(bytes);
	*text = (spore_str){ NULL, 0 };
}
