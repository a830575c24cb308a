/* Fits this host, but its constructor never ends. */
#include <unistd.h>

#include "bad.h"

__attribute__((constructor)) static void stall(void)
{
	for (;;)
		pause();
}

BAD_COMPONENT("stalls", &bad_ops);
SPORE_PLUGIN("auth_stalls", "1.0.0", "", "MIT", "", &component);
