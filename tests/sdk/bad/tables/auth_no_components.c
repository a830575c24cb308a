/* Has no components. */
#include "../bad.h"

BAD_NOTE("auth_no_components");

const spore_plugin *spore_plugin_v1(void)
{
	static const spore_component *const components[] = { NULL };
	static const spore_plugin plugin = { .struct_size = sizeof plugin,
		                             .name = "auth_no_components",
		                             .components = components };

	return &plugin;
}
