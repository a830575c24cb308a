/* value_scene - a JSON text read as the value of one option. */
#ifndef UNIT_VALUE_SCENE_H
#define UNIT_VALUE_SCENE_H

#include "option/value.h"
#include "scene/option_scene.h"

union value {
	uint32_t boolean;
	int64_t number;
	double real;
	const char *text;
	spore_str secret;
	spore_addr addr;
	spore_cidr cidr;
	spore_sha256 digest;
	spore_list list;
	const spore_cfg *node;
};

static inline spore_option row_of(uint32_t type, int64_t min, int64_t max)
{
	return (spore_option){
		.name = "v", .type = type, .min = min, .max = max, .choices = "one|two|three"
	};
}

/* Reads the JSON text as the type; the message is "" if it was good. */
static inline const char *read_value(struct option_scene *scene, const spore_option *row,
                                     const char *text, union value *out)
{
	struct option_scope scope;
	const char *message;
	bool good;

	option_scene_open(scene, text);
	scope = (struct option_scope){ scene->doc, &scene->diag, "/folder", NULL, NULL };
	memset(out, 0, sizeof *out);
	good = value_read(&scope, row, scene->root, out);
	message = option_scene_message(scene);
	ck_assert_msg(good == (*message == '\0'), "%s: %s", text, message);
	return message;
}

static inline void check_number(const spore_option *row, const char *text, int64_t expected)
{
	struct option_scene scene;
	union value value;

	ck_assert_str_eq(read_value(&scene, row, text, &value), "");
	ck_assert_msg(value.number == expected, "%s: %lld", text, (long long)value.number);
	option_scene_close(&scene);
}

static inline void check_bad(const spore_option *row, const char *text, const char *expected)
{
	struct option_scene scene;
	union value value;

	ck_assert_str_eq(read_value(&scene, row, text, &value), expected);
	option_scene_close(&scene);
}

static inline bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

#endif
