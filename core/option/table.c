#include "option/table.h"

#include <string.h>

const spore_option *option_row(const struct option_table *table, uint32_t index)
{
	return (const spore_option *)(const void *)((const char *)table->rows +
	                                            (size_t)index * table->stride);
}

const spore_option *option_find(const struct option_table *table, const char *name)
{
	for (uint32_t i = 0; i < table->n; i++) {
		const spore_option *row = option_row(table, i);

		if (strcmp(row->name, name) == 0)
			return row;
	}
	return NULL;
}

enum option_change option_change_of(const spore_option *row, enum option_change otherwise)
{
	if (row->flags & OPTIONF_RESTART)
		return OPTION_RESTART;
	return row->flags & OPTIONF_NEW_ONLY ? OPTION_NEW_ONLY : otherwise;
}

bool option_has_bounds(const spore_option *row)
{
	bool can_have_bounds = row->type == SPORE_OPT_INT || row->type == SPORE_OPT_DURATION ||
	                       row->type == SPORE_OPT_SIZE || row->type == SPORE_OPT_PORT;

	return can_have_bounds && row->min <= row->max;
}

/* The element must be of a type that JSON writes as a string, so that a line of text can be one. */
bool option_may_be_file(const spore_option *row)
{
	uint32_t type = row->type == SPORE_OPT_LIST && row->item ? row->item->type : 0;

	return type == SPORE_OPT_STRING || type == SPORE_OPT_ADDR || type == SPORE_OPT_IP ||
	       type == SPORE_OPT_CIDR || type == SPORE_OPT_SHA256;
}

struct option_table option_inner(const spore_option *row)
{
	const spore_option_item *item = row->item;
	bool is_container = row->type >= SPORE_OPT_LIST && row->type <= SPORE_OPT_OBJECT;

	if (!is_container || !item)
		return (struct option_table){ NULL, 0, 0 };
	return (struct option_table){ item->options, item->n_options, item->option_size };
}
