/* Fits this host, but its constructor ends the process as if all were well. */
#include <unistd.h>

#include "bad.h"

__attribute__((constructor)) static void leave(void)
{
	_exit(0);
}

BAD_COMPONENT("exits", &bad_ops);
SPORE_PLUGIN("auth_exits", "1.0.0", "", "MIT", "", &component);
