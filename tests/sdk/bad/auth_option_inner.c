/* In a table below the table, a default is not JSON: its quotes are missing. */
#include "bad.h"

struct place {
	const char *path;
};

static const spore_option place_rows[] = {
	SPORE_STRING(struct place, path, SPORE_OPTF_PATH, "etc", "where to look"),
};
static const spore_option_item place = { SPORE_OPT_OBJECT, sizeof(struct place), place_rows, 1,
	                                 sizeof(spore_option) };

struct conf {
	spore_list places;
};

static const spore_option options[] = {
	SPORE_LIST(struct conf, places, 0, &place, "where to look"),
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_AUTH,
	.name = "option_inner",
	.ops = &bad_ops,
	.options = options,
	.n_options = 1,
	.option_size = sizeof *options,
	.conf_size = sizeof(struct conf),
	.create = bad_create,
	.destroy = bad_destroy,
};
SPORE_PLUGIN("auth_option_inner", "1.0.0", "", "MIT", "", &component);
