#include "inventory/plugin_options.h"

#include <spore/option.h>
#include <string.h>

#include "suite.h"

struct inner {
	const char *host;
	int64_t port;
};

struct conf {
	int64_t from, while_, choice;
	const char *file, *old;
	spore_list servers, names;
	spore_map limits;
	struct inner nested;
};

/* Aligned by hand. */
/* clang-format off */
static const spore_option inner_rows[] = {
	SPORE_STRING(struct inner, host, SPORE_OPTF_REQUIRED, NULL, "its name"),
	SPORE_PORT(struct inner, port, 0, "389", 1, 65535, "its port"),
};
static const spore_option_item inner_item = { SPORE_OPT_OBJECT, sizeof(struct inner), inner_rows, 2,
	                                      sizeof(spore_option) };
static const spore_option_item text_item = { SPORE_OPT_STRING, sizeof(char *), NULL, 0, 0 };
static const spore_option_item int_item = { SPORE_OPT_INT, sizeof(int64_t), NULL, 0, 0 };
static const spore_option rows[] = {
	SPORE_INT(struct conf, from, 0, "8", 0, 23, "an hour"),
	SPORE_DURATION(struct conf, while_, 0, "\"2s\"", 1, 60000, "a while"),
	SPORE_ENUM(struct conf, choice, 0, NULL, "a|b", "a choice"),
	SPORE_STRING(struct conf, file, SPORE_OPTF_REQUIRED | SPORE_OPTF_PATH, NULL, "a file"),
	SPORE_STRING(struct conf, old, SPORE_OPTF_DEPRECATED, NULL, "gone soon"),
	SPORE_LIST(struct conf, servers, 0, &inner_item, "servers"),
	SPORE_LIST(struct conf, names, 0, &text_item, "names"),
	SPORE_MAP(struct conf, limits, 0, &int_item, "limits"),
	SPORE_OBJECT(struct conf, nested, struct inner, 0, &inner_item, "one more"),
};
/* clang-format on */

static char shown[8192];

static const char *show(const spore_option *table, uint32_t n)
{
	struct columns columns = { .n = PLUGIN_OPTIONS_COLUMNS };
	FILE *out = fmemopen(shown, sizeof shown, "w");

	plugin_options_add(&columns, &(struct option_table){ table, n, sizeof *table });
	ck_assert(columns_print(&columns, 0, out));
	columns_fini(&columns);
	fclose(out);
	return shown;
}

static const char *write_json(const spore_option *table, uint32_t n)
{
	struct jsonout json = { .out = fmemopen(shown, sizeof shown, "w") };

	plugin_options_write(&json, NULL, &(struct option_table){ table, n, sizeof *table });
	fclose(json.out);
	return shown;
}

START_TEST(a_table_for_people)
{
	ck_assert_str_eq(show(rows, sizeof rows / sizeof *rows),
	                 "from     whole number, 0 to 23  8         an hour\n"
	                 "while_   duration, 1ms to 1m    \"2s\"      a while\n"
	                 "choice   a|b                              a choice\n"
	                 "file     path                   required  a file\n"
	                 "old      text                             gone soon (deprecated)\n"
	                 "servers  list of objects                  servers\n"
	                 "  host   text                   required  its name\n"
	                 "  port   port, 1 to 65535       389       its port\n"
	                 "names    list of texts                    names\n"
	                 "limits   map of whole numbers             limits\n"
	                 "nested   object                           one more\n"
	                 "  host   text                   required  its name\n"
	                 "  port   port, 1 to 65535       389       its port\n");
}
END_TEST

START_TEST(the_same_as_json)
{
	ck_assert_str_eq(write_json(rows + 2, 1),
	                 "[\n  {\n    \"name\": \"choice\",\n    \"type\": \"enum\",\n"
	                 "    \"required\": false,\n    \"default\": null,\n"
	                 "    \"choices\": [\n      \"a\",\n      \"b\"\n    ],\n"
	                 "    \"doc\": \"a choice\"\n  }\n]\n");
	ck_assert_str_eq(write_json(rows + 1, 1),
	                 "[\n  {\n    \"name\": \"while_\",\n    \"type\": \"duration\",\n    "
	                 "\"required\": false,\n"
	                 "    \"default\": \"2s\",\n    \"min\": 1,\n    \"max\": 60000,\n    "
	                 "\"doc\": \"a while\"\n"
	                 "  }\n]\n");
	write_json(rows + 5, 1);
	ck_assert_ptr_nonnull(strstr(
		shown,
		"\"of\": \"object\",\n    \"options\": [\n      {\n        \"name\": \"host\""));
	write_json(rows + 7, 1);
	ck_assert_ptr_nonnull(strstr(shown, "\"type\": \"map\""));
	ck_assert_ptr_nonnull(strstr(shown, "\"of\": \"int\"\n"));
}
END_TEST

/* A plugin may be built with an SDK that knows more, or may mean ill. */
START_TEST(what_is_unknown_or_hostile_is_shown_all_the_same)
{
	static const spore_option hostile[] = {
		{ .name = "x\x1b[2J",
		  .type = 99,
		  .dflt = "no json\n",
		  .doc = "\xff",
		  .min = 0,
		  .max = 5 },
	};

	ck_assert_str_eq(show(hostile, 1), "x\\x1b[2J  unknown  no json\\x0a  \\xff\n");
	ck_assert_str_eq(
		write_json(hostile, 1),
		"[\n  {\n    \"name\": \"x\\u001b[2J\",\n    \"type\": \"unknown\",\n    "
		"\"required\": false,\n"
		"    \"default\": \"no json\\u000a\",\n    \"doc\": \"\\u00ff\"\n  }\n]\n");
}
END_TEST

SUITE("plugin_options", a_table_for_people, the_same_as_json,
      what_is_unknown_or_hostile_is_shown_all_the_same)
