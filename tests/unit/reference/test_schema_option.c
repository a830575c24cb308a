#include "reference/schema_option.h"

#include <spore/option.h>
#include <string.h>

#include "capture.h"
#include "suite.h"

struct inner {
	const char *host;
};

struct conf {
	int64_t whole, wait, choice, port;
	const char *text, *old;
	spore_str secret;
	uint32_t yes;
	spore_list names, ports;
	spore_map people;
	struct inner nested;
};

/* Aligned by hand. */
/* clang-format off */
static const spore_option inner_rows[] = {
	SPORE_STRING(struct inner, host, SPORE_OPTF_REQUIRED, NULL, "its name"),
};
static const spore_option_item inner_item = { SPORE_OPT_OBJECT, sizeof(struct inner), inner_rows, 1,
	                                      sizeof(spore_option) };
static const spore_option_item text_item = { SPORE_OPT_STRING, sizeof(char *), NULL, 0, 0 };
static const spore_option_item port_item = { SPORE_OPT_PORT, sizeof(int64_t), NULL, 0, 0 };
/* clang-format on */

static char printed[8192];

/* The body of one row without blanks. */
static const char *body(const spore_option *row, const char *doc)
{
	struct jsonout json = { .out = fmemopen(printed, sizeof printed, "w") };
	size_t n = 0;

	jsonout_begin(&json, NULL, '{');
	schema_option_write_body(&json, row, doc);
	jsonout_end(&json, '}');
	fputc('\0', json.out);
	fclose(json.out);
	for (const char *c = printed; *c; c++) {
		if (*c != ' ' && *c != '\n')
			printed[n++] = *c;
	}
	printed[n] = '\0';
	return printed;
}

START_TEST(simple_types)
{
	const spore_option whole = SPORE_INT(struct conf, whole, 0, "-3", -5, 5, "n");
	const spore_option yes = SPORE_BOOL(struct conf, yes, 0, "true", "b");
	const spore_option text = SPORE_STRING(struct conf, text, 0, NULL, "t");
	const spore_option old = SPORE_STRING(struct conf, old, SPORE_OPTF_DEPRECATED, NULL,
	                                      "gone");
	const spore_option choice = SPORE_ENUM(struct conf, choice, 0, NULL, "a|b c|", "c");

	ck_assert_str_eq(body(&whole, NULL),
	                 "{\"description\":\"n\",\"default\":-3,\"type\":\"integer\","
	                 "\"minimum\":-5,\"maximum\":5}");
	ck_assert_str_eq(body(&yes, NULL),
	                 "{\"description\":\"b\",\"default\":true,\"type\":\"boolean\"}");
	ck_assert_str_eq(body(&text, "other"), "{\"description\":\"other\",\"type\":\"string\"}");
	ck_assert_str_eq(body(&old, NULL),
	                 "{\"description\":\"gone\",\"deprecated\":true,\"type\":\"string\"}");
	ck_assert_str_eq(body(&choice, NULL),
	                 "{\"description\":\"c\",\"enum\":[\"a\",\"bc\",\"\"]}");
}
END_TEST

START_TEST(types_with_a_definition)
{
	const spore_option secret = SPORE_SECRET(struct conf, secret, 0, "s");
	const spore_option wait = SPORE_DURATION(struct conf, wait, 0, "\"2s\"", 1, 60000, "w");

	ck_assert_str_eq(body(&secret, NULL),
	                 "{\"description\":\"s\",\"allOf\":[{\"$ref\":\"#/definitions/secret\"}]}");
	ck_assert_str_eq(body(&wait, NULL), "{\"description\":\"w\",\"default\":\"2s\","
	                                    "\"allOf\":[{\"$ref\":\"#/definitions/duration\"}],"
	                                    "\"minimum\":0.001,\"maximum\":60}");
}
END_TEST

START_TEST(ports_have_bounds_of_their_own)
{
	const spore_option port = {
		.name = "p", .type = SPORE_OPT_PORT, .min = 1, .max = 0, .doc = "p"
	};
	const spore_option ports = SPORE_LIST(struct conf, ports, 0, &port_item, "l");

	ck_assert_str_eq(
		body(&port, NULL),
		"{\"description\":\"p\",\"type\":\"integer\",\"minimum\":0,\"maximum\":65535}");
	ck_assert_str_eq(
		body(&ports, NULL),
		"{\"description\":\"l\",\"type\":\"array\",\"items\":{\"type\":\"integer\","
		"\"minimum\":1,\"maximum\":65535}}");
}
END_TEST

START_TEST(containers)
{
	const spore_option names = SPORE_LIST(struct conf, names, 0, &text_item, "l");
	const spore_option people = SPORE_MAP(struct conf, people, 0, &inner_item, "m");
	const spore_option nested = SPORE_OBJECT(struct conf, nested, struct inner, 0, &inner_item,
	                                         "o");

	ck_assert_str_eq(body(&names, NULL),
	                 "{\"description\":\"l\",\"anyOf\":[{\"type\":\"array\",\"items\":{"
	                 "\"type\":\"string\"}},"
	                 "{\"type\":\"object\",\"properties\":{\"file\":{\"type\":\"string\","
	                 "\"minLength\":1}},"
	                 "\"required\":[\"file\"],\"additionalProperties\":false}]}");
#define INNER                                                                                      \
	"\"type\":\"object\",\"properties\":{\"host\":{\"description\":\"itsname\",\"type\":"      \
	"\"string\"}},"                                                                            \
	"\"required\":[\"host\"],\"additionalProperties\":false"
	ck_assert_str_eq(
		body(&people, NULL),
		"{\"description\":\"m\",\"type\":\"object\",\"additionalProperties\":{" INNER "}}");
	ck_assert_str_eq(body(&nested, NULL), "{\"description\":\"o\"," INNER "}");
}
END_TEST

START_TEST(what_must_not_be_empty)
{
	const spore_option text = SPORE_STRING(struct conf, text, SPORE_OPTF_NOT_EMPTY, NULL, "t");
	const spore_option ports = SPORE_LIST(struct conf, ports, SPORE_OPTF_NOT_EMPTY, &port_item,
	                                      "l");
	const spore_option people = SPORE_MAP(struct conf, people, SPORE_OPTF_NOT_EMPTY, &port_item,
	                                      "m");
	const spore_option paths = SPORE_MAP(struct conf, people, SPORE_OPTF_PATH, &text_item, "m");

	ck_assert_str_eq(body(&text, NULL),
	                 "{\"description\":\"t\",\"type\":\"string\",\"minLength\":1}");
	ck_assert_str_eq(body(&ports, NULL),
	                 "{\"description\":\"l\",\"type\":\"array\",\"items\":{\"type\":"
	                 "\"integer\",\"minimum\":1,\"maximum\":65535},\"minItems\":1}");
	ck_assert_str_eq(body(&people, NULL),
	                 "{\"description\":\"m\",\"type\":\"object\",\"additionalProperties\":{"
	                 "\"type\":\"integer\",\"minimum\":1,\"maximum\":65535},"
	                 "\"minProperties\":1}");
	ck_assert_str_eq(body(&paths, NULL),
	                 "{\"description\":\"m\",\"type\":\"object\",\"additionalProperties\":{"
	                 "\"type\":\"string\",\"minLength\":1}}");
}
END_TEST

START_TEST(hostile_texts_and_unknown_types)
{
	const spore_option hostile = {
		.name = "x", .type = 99, .doc = "\x1b\"\xff", .dflt = "{", .min = 0, .max = 5
	};

	ck_assert_str_eq(body(&hostile, NULL),
	                 "{\"description\":\"\\u001b\\\"\\u00ff\",\"default\":\"{\"}");
}
END_TEST

static const char *required(const spore_option *rows, uint32_t n, const char *place)
{
	struct option_table table = { rows, n, sizeof *rows };
	struct jsonout json = { .out = fmemopen(printed, sizeof printed, "w") };

	jsonout_begin(&json, NULL, '{');
	schema_option_write_required(&json, &table, place);
	jsonout_end(&json, '}');
	fputc('\0', json.out);
	fclose(json.out);
	return printed;
}

/* --to may set client.to; no flag sets client.zone. */
START_TEST(what_a_flag_may_set_is_not_required)
{
	const spore_option rows[] = {
		{ .name = "to", .type = SPORE_OPT_STRING, .flags = SPORE_OPTF_REQUIRED },
		{ .name = "zone", .type = SPORE_OPT_STRING, .flags = SPORE_OPTF_REQUIRED },
		{ .name = "other", .type = SPORE_OPT_STRING }
	};

	ck_assert_contains(required(rows, 3, NULL),
	                   "\"required\": [\n    \"to\",\n    \"zone\"\n  ]");
	ck_assert_lacks(required(rows + 2, 1, NULL), "required");
	/* The shorthand's target is the value itself. */
	ck_assert_contains(required(rows, 3, "/nowhere"), "\"to\"");
	/* Targets below the row: "/tunnels[0]/port" is in "tunnels". */
	const spore_option tunnels = { .name = "tunnels",
		                       .type = SPORE_OPT_LIST,
		                       .flags = SPORE_OPTF_REQUIRED };
	ck_assert_lacks(required(&tunnels, 1, ""), "required");
	ck_assert_contains(required(rows + 1, 1, "/client"), "\"zone\"");
	ck_assert_lacks(required(rows, 1, "/client"), "required");
}
END_TEST

START_TEST(definitions_are_json)
{
	struct jsonout json = { .out = fmemopen(printed, sizeof printed, "w") };

	jsonout_begin(&json, NULL, '{');
	schema_option_write_types(&json);
	jsonout_end(&json, '}');
	fputc('\0', json.out);
	fclose(json.out);
	for (const char *const *id = (const char *const[]){ "secret", "duration", "size", "addr",
	                                                    "ip", "ports", "prefix", NULL };
	     *id; id++) {
		char member[32];

		snprintf(member, sizeof member, "  \"%s\": {", *id);
		ck_assert_contains(printed, member);
	}
}
END_TEST

SUITE("schema_option", simple_types, types_with_a_definition, ports_have_bounds_of_their_own,
      containers, what_must_not_be_empty, hostile_texts_and_unknown_types,
      what_a_flag_may_set_is_not_required, definitions_are_json)
