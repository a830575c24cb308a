/* memory_file - a file that is in no folder: what reads files by name reads it by memory_file.path.
 */
#ifndef MEMORY_FILE_H
#define MEMORY_FILE_H

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

struct memory_file {
	int fd;
	char path[32];
};

static inline struct memory_file memory_file_new(void)
{
	struct memory_file file = { .fd = memfd_create("fuzz", MFD_CLOEXEC) };

	FUZZ_CHECK(file.fd >= 0 && fchmod(file.fd, 0600) ==
	                                   0); /* a file of ours that others may write is refused */
	snprintf(file.path, sizeof file.path, "/proc/self/fd/%d", file.fd);
	return file;
}

static inline void memory_file_fill(const struct memory_file *file, const void *bytes, size_t size)
{
	FUZZ_CHECK(ftruncate(file->fd, 0) == 0);
	FUZZ_CHECK(pwrite(file->fd, bytes, size, 0) == (ssize_t)size);
}

#endif
