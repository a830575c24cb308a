/* epoll_sets - which descriptors the epoll sets of this process hold. */
#ifndef UNIT_EPOLL_SETS_H
#define UNIT_EPOLL_SETS_H

#include <check.h>
#include <dirent.h>
#include <stdio.h>

/* How many epoll sets of this process hold `fd`: proc(5), /proc/pid/fdinfo. */
static inline unsigned epoll_sets_count(int fd)
{
	DIR *dir = opendir("/proc/self/fdinfo");
	char path[300], line[200];
	struct dirent *entry;
	unsigned n = 0;

	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir))) {
		FILE *file;
		int held;

		snprintf(path, sizeof path, "/proc/self/fdinfo/%s", entry->d_name);
		file = fopen(path, "r");
		while (file && fgets(line, sizeof line, file))
			n += sscanf(line, "tfd: %d", &held) == 1 && held == fd;
		if (file)
			fclose(file);
	}
	closedir(dir);
	return n;
}

#endif
