/* option_type - describes an option's type in words, for help and documentation. The texts come
 * from the table, so those of a plugin may contain any bytes. Pure. [any] */
#ifndef CORE_OPTION_TYPE_H
#define CORE_OPTION_TYPE_H

#include "option/table.h"

/* One word that never changes: "duration"; "unknown" for a type that this host does not know. */
const char *option_type_id(uint32_t type);
/* For people: "duration, 1s to 7d", "list of prefixes", "off|prefer|require". */
void option_type_describe(const spore_option *row, char *out, size_t size);
/* The general description of a type, the same for all its options. */
struct option_type {
	const char *name;    /* option_type_describe begins with it */
	const char *example; /* JSON */
	const char *doc;     /* code stands between backticks */
};
/* The index-th described type, from 0; false past the last one. */
bool option_type_at(uint32_t index, struct option_type *type_out);

#endif
