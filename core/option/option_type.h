/* option_type - an option's type in words, for whoever tells of a table. Its texts are the table's,
 * so those of a plugin may hold any bytes. Pure. [any] */
#ifndef CORE_OPTION_TYPE_H
#define CORE_OPTION_TYPE_H

#include "option/option.h"

/* One word that never changes: "duration"; "unknown" for a type that this host does not know. */
const char *option_type_id(uint32_t type);
/* For people: "duration, 1s to 7d", "list of prefixes", "off|prefer|require". */
void option_type_describe(const spore_option *row, char *out, size_t size);
/* What is told of a type once, for all options of it. */
struct option_type {
	const char *name;    /* as option_type_describe begins */
	const char *example; /* JSON */
	const char *doc;     /* code stands between backticks */
};
/* The type of that number, from 0 on; false behind the last one. */
bool option_type_at(uint32_t index, struct option_type *type_out);
/* Do its bounds count? */
bool option_has_bounds(const spore_option *row);
/* May it be {"file": PATH}, too? */
bool option_may_be_file(const spore_option *row);
/* The table of what a LIST, MAP or OBJECT holds; without rows if that is no OBJECT, or it is
 * neither. */
struct option_table option_inner(const spore_option *row);

#endif
