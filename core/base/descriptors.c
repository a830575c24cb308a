#include "base/descriptors.h"

#include <sys/resource.h>

enum { UNBOUNDED = 1 << 20 };

unsigned descriptors_max(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur > UNBOUNDED)
		return UNBOUNDED;
	return (unsigned)files.rlim_cur;
}
