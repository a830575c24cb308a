#include "plugin/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files/access.h"
#include "thread/reading.h"

enum { MAX_SIZE = 256 * 1024 * 1024 };

static bool find_real(const char *path, char real[PATH_MAX], struct err *err)
{
	if (realpath(path, real))
		return true;
	err_set(err, "cannot open %s: %s", path, strerror(errno));
	return false;
}

/* The descriptor; or -1 and *err. */
static int open_regular(const char *real, struct stat *st, struct err *err)
{
	int fd = open(real, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0 || fstat(fd, st) < 0)
		err_set(err, "cannot open %s: %s", real, strerror(errno));
	else if (!S_ISREG(st->st_mode))
		err_set(err, "%s is not a regular file", real);
	else if (st->st_size == 0 || st->st_size > MAX_SIZE)
		err_set(err, "%s has %lld bytes: expected a plugin of 1 byte to 256 MiB", real,
		        (long long)st->st_size);
	else
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool write_all(int to, const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(to, bytes, len);

		if (n <= 0)
			return false;
		bytes += n;
		len -= (size_t)n;
	}
	return true;
}

/* How many bytes were copied; 0: the file has ended; -1: the cause is in errno. */
static ssize_t copy_some(int from, int to, size_t size)
{
	uint8_t bytes[16 * 1024];
	ssize_t n = sendfile(to, from, NULL, size);
	/* Not every file system and not every sandbox permits sendfile. */
	bool is_refused = n < 0 && (errno == EPERM || errno == ENOSYS || errno == EINVAL);

	if (!is_refused)
		return n;
	errno = 0;
	n = read(from, bytes, size < sizeof bytes ? size : sizeof bytes);
	if (n > 0 && !write_all(to, bytes, (size_t)n))
		return -1;
	return n;
}

static bool copy_all(int from, int to, size_t size)
{
	while (size > 0) {
		ssize_t n = copy_some(from, to, size);

		if (n <= 0)
			return false;
		size -= (size_t)n;
	}
	return true;
}

/* Fills and seals the copy. Returns NULL, or the call that failed, with errno. errno 0: the file
 * has become shorter. */
static const char *fill_copy(int copy, int file, size_t size)
{
	enum { SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

	if (copy < 0)
		return "memfd_create";
	errno = 0;
	if (!copy_all(file, copy, size))
		return "read";
	return fcntl(copy, F_ADD_SEALS, SEALS) < 0 ? "fcntl(F_ADD_SEALS)" : NULL;
}

/* Copies the file into sealed memory. Always closes `file`. */
static bool seal(int file, size_t size, const char *path, struct sealed *sealed_out,
                 struct err *err)
{
	int copy = memfd_create("spore-plugin", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	const char *failed = fill_copy(copy, file, size);
	void *bytes = failed ? MAP_FAILED : mmap(NULL, size, PROT_READ, MAP_PRIVATE, copy, 0);

	if (bytes == MAP_FAILED) {
		if (errno)
			err_set_call(err, failed ? failed : "mmap", errno);
		else
			err_set(err, "it was truncated meanwhile");
		err_prefix(err, "cannot copy %s into memory", path);
		if (copy >= 0)
			close(copy);
		copy = -1;
	}
	close(file);
	*sealed_out = (struct sealed){ copy, bytes == MAP_FAILED ? NULL : bytes, size };
	return copy >= 0;
}

static bool open_and_seal(const char *path, struct sealed *sealed_out, struct err *err)
{
	struct access_verdict access = { .forbidden.text = "" };
	char real[PATH_MAX];
	struct stat st;
	int file = -1;

	if (!find_real(path, real, err))
		return false;
	if (!access_check_folders(path, real, &access))
		goto forbidden;
	file = open_regular(real, &st, err);
	if (file < 0)
		return false;
	if (!access_check(real, &st, &access))
		goto forbidden;
	if (access.doubtful.text[0])
		access_warn("plugin", access.doubtful.text);
	return seal(file, (size_t)st.st_size, path, sealed_out, err);
forbidden:
	*err = access.forbidden;
	if (file >= 0)
		close(file);
	return false;
}

bool sealed_open(const char *path, struct sealed *sealed_out, struct err *err)
{
	bool is_open;

	reading_begin(path, "plugins");
	is_open = open_and_seal(path, sealed_out, err);
	reading_end();
	return is_open;
}

bool sealed_inspect(const char *path, struct sealed *sealed_out, struct access_verdict *access_out,
                    struct err *err)
{
	char real[PATH_MAX];
	struct stat st;
	bool is_safe;
	int file;

	*access_out = (struct access_verdict){ .forbidden.text = "" };
	if (!find_real(path, real, err))
		return false;
	is_safe = access_check_folders(path, real, access_out);
	file = open_regular(real, &st, err);
	if (file >= 0) {
		if (is_safe)
			access_check(real, &st, access_out);
		return seal(file, (size_t)st.st_size, path, sealed_out, err);
	}
	if (!is_safe)
		*err = access_out->forbidden; /* what sealed_open would report */
	return false;
}

void sealed_close(struct sealed *sealed)
{
	munmap((void *)(uintptr_t)sealed->bytes, sealed->size);
	close(sealed->fd);
	*sealed = (struct sealed){ .fd = -1 };
}
