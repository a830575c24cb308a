/* An entry point without a note. */
#include "bad.h"

BAD_CONSTRUCTOR
BAD_COMPONENT("no_note", &bad_ops);

const spore_plugin *spore_plugin_v1(void)
{
	static const spore_component *const components[] = { &component, NULL };
	static const spore_plugin plugin = { .struct_size = sizeof plugin,
		                             .name = "auth_no_note",
		                             .components = components };

	return &plugin;
}
