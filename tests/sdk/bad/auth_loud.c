/* A valid plugin whose texts, except for names and defaults, contain control sequences for a
 * terminal. It also offers a kind that no host knows. */
#include "bad.h"

#define LOUD "\x1b[2J\"\\\n\xff"

struct conf {
	int64_t port;
};

static const spore_option options[] = {
	{ .name = "a",
	  .type = SPORE_OPT_ENUM,
	  .choices = "b" LOUD "|c",
	  .dflt = "\"c\"",
	  .doc = "e" LOUD },
	SPORE_PORT(struct conf, port, SPORE_OPTF_DEPRECATED, NULL, 1, 9, "f" LOUD),
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_AUTH,
	.name = "loud",
	.summary = "s" LOUD,
	.ops = &bad_ops,
	.options = options,
	.n_options = 2,
	.option_size = sizeof *options,
	.conf_size = sizeof(struct conf),
	.create = bad_create,
	.destroy = bad_destroy,
};

/* The host may read only the kind of such a component. */
static const spore_component later = { .struct_size = sizeof later, .kind = 77 };

static const char *const required[] = { "spore.metrics/1", "spore.ready/1", NULL };
static const spore_component *const components[] = { &component, &later, NULL };
static const spore_plugin plugin = {
	.struct_size = sizeof plugin,
	.name = "o" LOUD,
	.author = "u" LOUD,
	.license = "l" LOUD,
	.required = required,
	.components = components,
};

BAD_NOTE_SECTION static const spore_note note = {
	.namesz = 6,
	.descsz = SPORE_NOTE_DESC_SIZE,
	.type = SPORE_NOTE_TYPE,
	.name = "Spore",
	.abi_major = SPORE_ABI_MAJOR,
	.plugin = "o" LOUD,
	.version = "v" LOUD,
};

const spore_plugin *spore_plugin_v1(void)
{
	return &plugin;
}
