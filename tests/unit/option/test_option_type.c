#include "option/option_type.h"

#include <stdio.h>
#include <string.h>

#include "suite.h"

static const char *describe(spore_option row)
{
	static char out[128];

	option_type_describe(&row, out, sizeof out);
	return out;
}

START_TEST(ids_are_words)
{
	ck_assert_str_eq(option_type_id(SPORE_OPT_BOOL), "bool");
	ck_assert_str_eq(option_type_id(SPORE_OPT_DURATION), "duration");
	ck_assert_str_eq(option_type_id(SPORE_OPT_CIDR), "prefix");
	ck_assert_str_eq(option_type_id(SPORE_OPT_NODE), "node");
	ck_assert_str_eq(option_type_id(0), "unknown");
	ck_assert_str_eq(option_type_id(4711), "unknown");
}
END_TEST

START_TEST(a_row_is_described_with_its_bounds)
{
	static const spore_option_item prefixes = { .type = SPORE_OPT_CIDR };
	static const spore_option_item texts = { .type = SPORE_OPT_STRING };
	static const spore_option_item future = { .type = 4711 };

	ck_assert_str_eq(describe((spore_option){ .type = SPORE_OPT_INT, .min = 1, .max = 5 }),
	                 "whole number, 1 to 5");
	ck_assert_str_eq(describe((spore_option){ .type = SPORE_OPT_INT, .min = 1, .max = 0 }),
	                 "whole number");
	ck_assert_str_eq(describe((spore_option){
				 .type = SPORE_OPT_DURATION, .min = 1000, .max = 7 * 86400000 }),
	                 "duration, 1s to 7d");
	ck_assert_str_eq(describe((spore_option){ .type = SPORE_OPT_SIZE, .max = 65536 }),
	                 "size, 0 to 64k");
	ck_assert_str_eq(describe((spore_option){ .type = SPORE_OPT_ENUM, .choices = "a|b" }),
	                 "a|b");
	ck_assert_str_eq(describe((spore_option){ .type = SPORE_OPT_STRING, .max = 1 }), "text");
	ck_assert_str_eq(
		describe((spore_option){ .type = SPORE_OPT_STRING, .flags = SPORE_OPTF_PATH }),
		"path");
	ck_assert_str_eq(describe((spore_option){ .type = SPORE_OPT_LIST, .item = &prefixes }),
	                 "list of prefixes");
	ck_assert_str_eq(describe((spore_option){ .type = SPORE_OPT_LIST,
	                                          .flags = SPORE_OPTF_PATH,
	                                          .item = &texts }),
	                 "list of paths");
	ck_assert_str_eq(describe((spore_option){ .type = SPORE_OPT_MAP, .item = &future }),
	                 "map of unknown");
	ck_assert_str_eq(describe((spore_option){ .type = 4711 }), "unknown");
}
END_TEST

START_TEST(a_description_is_cut_to_fit)
{
	spore_option row = { .type = SPORE_OPT_INT, .min = 1, .max = 5 };
	char out[6] = "#####";

	option_type_describe(&row, out, 5);
	ck_assert_str_eq(out, "whol");
}
END_TEST

START_TEST(types_are_listed_once)
{
	struct option_type type;
	uint32_t n = 0;

	for (; option_type_at(n, &type); n++) {
		ck_assert_ptr_nonnull(type.name);
		ck_assert_ptr_nonnull(type.example);
		ck_assert_uint_gt(strlen(type.doc), 0);
		ck_assert_str_ne(type.name, "anything");
	}
	ck_assert_uint_eq(n, 15);
	ck_assert(option_type_at(0, &type));
	ck_assert_str_eq(type.name, "boolean");
	ck_assert(!option_type_at(UINT32_MAX, &type));
}
END_TEST

SUITE("option_type", ids_are_words, a_row_is_described_with_its_bounds, a_description_is_cut_to_fit,
      types_are_listed_once)
