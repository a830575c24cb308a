/* table - prints an array of JSON objects as a table, one line for each object. */
#ifndef CORE_SHOW_TABLE_H
#define CORE_SHOW_TABLE_H

#include "show/value_text.h"
#include <stdbool.h>
#include <stdio.h>

struct json;

enum { TABLE_MOST_COLUMNS = 24 };

struct table_field {
	const char *key, *head;
	enum value_format format;
};

struct table {
	const char *key; /* the member of the answer that is the array */
	struct table_field fields[TABLE_MOST_COLUMNS]; /* the end of the list has key NULL */
};

/* If the member "all" of the answer counts more objects than the array has, the last line says how
 * many are missing. False: out of memory. */
bool table_print(const struct table *table, const struct json *answer, FILE *out);

#endif
