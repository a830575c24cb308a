#include "logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Addresses are personal data: not for everybody. */
static const mode_t mode = 0640;

void logfile_init(struct logfile *file, const char *path)
{
	*file = (struct logfile){ .path = path, .fd = -1 };
}

void logfile_fini(struct logfile *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}

/* A FIFO without a reader is refused instead of waited for, but its reader may be slow. False, with
 * errno. */
static bool open_file(struct logfile *file, int flags)
{
	int fd = open(file->path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | flags,
	              mode);
	struct stat st;

	if (fd < 0)
		return false;
	if (fstat(fd, &st) != 0 || fcntl(fd, F_SETFL, O_APPEND) != 0) {
		close(fd);
		return false;
	}
	logfile_fini(file);
	file->fd = fd;
	file->device = st.st_dev;
	file->inode = st.st_ino;
	file->is_torn = false;
	return true;
}

static bool may_make(const char *path)
{
	char *copy = strdup(path);
	bool may = copy && access(dirname(copy), W_OK | X_OK) == 0;

	free(copy);
	return may;
}

bool logfile_try(struct logfile *file)
{
	return open_file(file, 0) || (errno == ENOENT && may_make(file->path));
}

static bool is_at_its_path(const struct logfile *file)
{
	struct stat st;

	return file->fd >= 0 && stat(file->path, &st) == 0 && st.st_dev == file->device &&
	       st.st_ino == file->inode;
}

/* False, with errno: there is no file to write to. */
static bool follow_path(struct logfile *file)
{
	return is_at_its_path(file) || open_file(file, O_CREAT) || file->fd >= 0;
}

/* Returns how many bytes were written; if not all, errno says why. */
static size_t write_all(int fd, spore_str bytes)
{
	size_t done = 0;

	while (done < bytes.len) {
		ssize_t n = write(fd, bytes.ptr + done, bytes.len - done);

		if (n > 0)
			done += (size_t)n;
		else if (n == 0)
			errno = EIO;
		if (n == 0 || (n < 0 && errno != EINTR))
			break;
	}
	return done;
}

static size_t count_lines(const char *bytes, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += bytes[i] == '\n';
	return n;
}

size_t logfile_write(struct logfile *file, spore_str lines)
{
	size_t n = count_lines(lines.ptr, lines.len), done;

	if (lines.len == 0)
		return 0;
	if (!follow_path(file))
		return n;
	if (file->is_torn && write_all(file->fd, spore_cstr("\n")) == 0)
		return n;
	file->is_torn = false;
	done = write_all(file->fd, lines);
	if (done > 0)
		file->is_torn = lines.ptr[done - 1] != '\n';
	return n - count_lines(lines.ptr, done);
}
