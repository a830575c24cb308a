/* table - an option table: rows that describe the members of a JSON object, and the fields of a
 * struct that their values fill. The core's own tables and the plugins' have the same form.
 * [any] */
#ifndef CORE_TABLE_H
#define CORE_TABLE_H

#include <spore/option.h>
#include <stdbool.h>

/* When a change of an option takes effect in a running process. */
enum option_change {
	OPTION_LIVE,     /* at once, for everything */
	OPTION_NEW_ONLY, /* for new connections and tunnels; open ones keep the old value */
	OPTION_RESTART   /* at the next start */
};

/* Flags of the core's own rows, besides SPORE_OPTF_*. They also apply to all options below the row.
 * A row without one of them is OPTION_LIVE. */
#define OPTIONF_MOVED    (1u << 28) /* the value is moved elsewhere: see config/shorthands */
#define OPTIONF_LONE     (1u << 29) /* the only element of the LIST may have no brackets */
#define OPTIONF_NEW_ONLY (1u << 30)
#define OPTIONF_RESTART  (1u << 31)

struct option_table {
	const spore_option *rows;
	uint32_t n, stride; /* stride: sizeof(spore_option) as the table's author compiled it */
};

/* The row of that name, or NULL. */
const spore_option *option_find(const struct option_table *table, const char *name);
const spore_option *option_row(const struct option_table *table, uint32_t index);
/* When a change of the row's option takes effect; `otherwise` if its flags do not say. */
enum option_change option_change_of(const spore_option *row, enum option_change otherwise);
/* True if min and max limit the value. */
bool option_has_bounds(const spore_option *row);
/* True if the value may also be {"file": PATH}. */
bool option_may_be_file(const spore_option *row);
/* The table of the object that a LIST, MAP or OBJECT row holds; no rows if it holds none. */
struct option_table option_inner(const spore_option *row);

#endif
