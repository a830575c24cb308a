#include "base/descriptors.h"

#include <sys/resource.h>

enum { MOST = 1 << 20 };

unsigned descriptors_max(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur > MOST)
		return MOST;
	return (unsigned)files.rlim_cur;
}
