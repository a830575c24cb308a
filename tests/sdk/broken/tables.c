/* Entry points, components and option tables that are wrong. */
#define OWN_PLUGIN
#include "broken.h"

/* A component with these members in place of the right ones. The last member of a name counts. */
#pragma GCC diagnostic ignored "-Woverride-init"
#define COMPONENT(...)                                                                             \
	static const spore_component broken_component = { BROKEN_COMPONENT, __VA_ARGS__ };         \
	SPORE_PLUGIN("auth_broken", "1.0.0", "", "MIT", "", &broken_component)

/* A component with this option table. */
#define OPTIONS(...)                                                                               \
	static const spore_option options[] = { __VA_ARGS__ };                                     \
	COMPONENT(.options = options, .n_options = sizeof options / sizeof *options)

/* A row in which `generation` is right. */
#define ROW(...)                                                                                   \
	{                                                                                          \
		.name = "generation", .type = SPORE_OPT_INT, .min = 0, .max = 10, .dflt = "1",     \
		.doc = "changes nothing", __VA_ARGS__                                              \
	}

/* ---- the entry point ---- */

/* What an author writes who does without SPORE_PLUGIN: the note, and this function. */
#define ENTRY_POINT()                                                                              \
	__attribute__((used, section(".note.spore"), aligned(4))) static const spore_note note = { \
		6, SPORE_NOTE_DESC_SIZE, SPORE_NOTE_TYPE, "Spore", SPORE_ABI_MAJOR, 0, 0,          \
		0, "auth_broken",        "1.0.0"                                                   \
	};                                                                                         \
	SPORE_EXPORT const spore_plugin *spore_plugin_v1(void)

#define PLUGIN_FIELDS                                                                              \
	.struct_size = sizeof(spore_plugin), .abi_major = SPORE_ABI_MAJOR, .name = "auth_broken",  \
	.version = "1.0.0", .components = components

#if defined(CASE_entry_crashes) || defined(CASE_entry_hangs) || defined(CASE_entry_differs) ||     \
	defined(CASE_another_name_than_its_note) || defined(CASE_requires_nonsense) ||             \
	defined(CASE_lies_about_its_size) || defined(CASE_changes_after_loading)
static spore_component changing_component = { BROKEN_COMPONENT };
static const spore_component *components[] = { &changing_component, NULL };
#endif

#ifdef CASE_entry_crashes
ENTRY_POINT()
{
	broken_crash();
	return (const spore_plugin *)(const void *)components;
}
#endif

#ifdef CASE_entry_hangs
ENTRY_POINT()
{
	broken_hang();
	return (const spore_plugin *)(const void *)components;
}
#endif

/* The second call returns a plugin without components. */
#ifdef CASE_entry_differs
ENTRY_POINT()
{
	static const spore_component *none[] = { NULL };
	static const spore_plugin first = { PLUGIN_FIELDS };
	static const spore_plugin second = { .struct_size = sizeof second, .components = none };
	static int calls;

	return calls++ ? &second : &first;
}
#endif

#ifdef CASE_another_name_than_its_note
ENTRY_POINT()
{
	static const spore_plugin plugin = { .struct_size = sizeof plugin,
		                             .abi_major = SPORE_ABI_MAJOR,
		                             .name = "auth_hmac",
		                             .version = "9.9.9",
		                             .components = components };

	return &plugin;
}
#endif

#ifdef CASE_requires_nonsense
ENTRY_POINT()
{
	static const char *const required[] = { "\x1b[2J\n", NULL };
	static const spore_plugin plugin = { PLUGIN_FIELDS, .required = required };

	return &plugin;
}
#endif

#ifdef CASE_lies_about_its_size
ENTRY_POINT()
{
	static const spore_plugin plugin = { PLUGIN_FIELDS, .struct_size = 8 };

	return &plugin;
}
#endif

/* create() takes the mandatory function away, which was there when the host looked. */
#ifdef CASE_changes_after_loading
static spore_auth_ops changing_ops = { .struct_size = sizeof changing_ops,
	                               .verify = broken_verify };

ON_CREATE()
{
	changing_ops.verify = NULL;
	changing_component.worker_start = NULL;
	return SPORE_OK;
}

ENTRY_POINT()
{
	static const spore_plugin plugin = { PLUGIN_FIELDS };

	changing_component.ops = &changing_ops;
	return &plugin;
}
#endif

/* ---- components ---- */

#ifdef CASE_component_of_kind_77
COMPONENT(.kind = 77);
#endif

#ifdef CASE_component_is_cut
COMPONENT(.struct_size = 16);
#endif

#ifdef CASE_component_that_claims_more
COMPONENT(.struct_size = 65536);
#endif

#ifdef CASE_component_with_a_path
COMPONENT(.name = "b/../b");
#endif

#ifdef CASE_component_with_no_name
COMPONENT(.name = "");
#endif

#ifdef CASE_component_with_a_long_name
COMPONENT(.name = "a1234567890123456789012345678901234567890123456789012345678901234567890");
#endif

#ifdef CASE_operations_are_cut
static const spore_auth_ops cut = { .struct_size = 0, .verify = broken_verify };

COMPONENT(.ops = &cut);
#endif

#ifdef CASE_conf_of_4_gb
COMPONENT(.conf_size = 0xFFFFFFF0);
#endif

#ifdef CASE_two_components_of_one_name
static const spore_component one = { BROKEN_COMPONENT }, other = { BROKEN_COMPONENT };

SPORE_PLUGIN("auth_broken", "1.0.0", "", "MIT", "", &one, &other);
#endif

#ifdef CASE_summary_for_the_terminal
COMPONENT(.summary = "clears\x1b[2J\nthe screen");
#endif

/* ---- options ---- */

#ifdef CASE_option_outside
OPTIONS(ROW(.offset = 4096));
#endif

/* A load from there is misaligned. */
#ifdef CASE_option_at_an_odd_offset
OPTIONS(ROW(.offset = 3));
#endif

#ifdef CASE_option_without_a_name
OPTIONS(ROW(.name = NULL));
#endif

#ifdef CASE_option_of_the_host
OPTIONS(ROW(.name = "use"));
#endif

#ifdef CASE_option_of_type_99
OPTIONS(ROW(.type = 99));
#endif

#ifdef CASE_option_with_a_wrong_default
OPTIONS(ROW(.dflt = "77"));
#endif

#ifdef CASE_options_of_one_name
OPTIONS(ROW(), ROW(.offset = 8));
#endif

/* A struct that contains itself. */
#ifdef CASE_option_contains_itself
static const spore_option cycle[1];
static const spore_option_item cyclic = { .type = SPORE_OPT_OBJECT,
	                                  .size = 16,
	                                  .options = cycle,
	                                  .n_options = 1,
	                                  .option_size = sizeof(spore_option) };
static const spore_option cycle[1] = { ROW(.type = SPORE_OPT_OBJECT, .dflt = NULL,
	                                   .item = &cyclic) };

COMPONENT(.options = cycle, .n_options = 1);
#endif

#ifdef CASE_option_without_choices
OPTIONS(ROW(.type = SPORE_OPT_ENUM, .choices = NULL, .dflt = NULL));
#endif

#ifdef CASE_option_with_empty_choices
OPTIONS(ROW(.type = SPORE_OPT_ENUM, .choices = "a||b", .dflt = "\"a\""));
#endif

#ifdef CASE_option_with_another_choice
OPTIONS(ROW(.type = SPORE_OPT_ENUM, .choices = "a|b", .dflt = "\"c\""));
#endif

#ifdef CASE_list_without_items
OPTIONS(ROW(.type = SPORE_OPT_LIST, .dflt = NULL, .item = NULL));
#endif

#ifdef CASE_rows_of_another_size
COMPONENT(.option_size = 7);
#endif

#ifdef CASE_rows_without_a_table
COMPONENT(.options = NULL, .n_options = 5);
#endif

#ifdef CASE_option_with_a_hostile_doc
OPTIONS(ROW(.doc = "`unclosed | cell\n\x1b[2J"));
#endif
