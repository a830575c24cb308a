/* The entry point returns nothing. */
#include "bad.h"

BAD_NOTE("auth_null_entry");

const spore_plugin *spore_plugin_v1(void)
{
	return NULL;
}
