/* Fits this host, but its constructor ends the process with status 0. */
#include <unistd.h>

#include "bad.h"

__attribute__((constructor)) static void leave(void)
{
	_exit(0);
}

BAD_COMPONENT("exits", &bad_ops);
SPORE_PLUGIN("auth_exits", "1.0.0", "", "MIT", "", &component);
