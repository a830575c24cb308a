#include "base/descriptors.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MOST = 1 << 20 };

bool descriptors_hold_standard(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		/* The wrong direction: reading standard input, and writing to the others, still
		 * fails, as on a closed descriptor. */
		int mode = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY;

		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", mode) != fd)
			return false;
	}
	return true;
}

unsigned descriptors_open(void)
{
	unsigned most = descriptors_max(), n = 0;

	for (unsigned fd = 0; fd < most && fd < DESCRIPTORS_SEEN; fd++)
		n += fcntl((int)fd, F_GETFD) >= 0;
	return n;
}

unsigned descriptors_max(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur > MOST)
		return MOST;
	return (unsigned)files.rlim_cur;
}
