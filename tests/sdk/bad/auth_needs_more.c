/* Needs an extension that no host has. */
#include "bad.h"

BAD_COMPONENT("needs_more", &bad_ops);
BAD_NOTE("auth_needs_more");

const spore_plugin *spore_plugin_v1(void)
{
	static const char *const required[] = { "spore.metrics/1", "spore.time_travel/1", NULL };
	static const spore_component *const components[] = { &component, NULL };
	static const spore_plugin plugin = { .struct_size = sizeof plugin,
		                             .name = "auth_needs_more",
		                             .required = required,
		                             .components = components };

	return &plugin;
}
