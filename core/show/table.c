#include "show/table.h"

#include "base/columns.h"
#include "show/member.h"
#include "json/json.h"

static size_t count_fields(const struct table *table)
{
	size_t n = 0;

	while (n < TABLE_MOST_COLUMNS && table->fields[n].key)
		n++;
	return n;
}

static void add_head(struct columns *columns, const struct table *table)
{
	const char *cells[TABLE_MOST_COLUMNS] = { NULL };

	for (size_t i = 0; i < columns->n; i++)
		cells[i] = table->fields[i].head;
	columns_add(columns, cells);
}

static void add_row(struct columns *columns, const struct table *table, const struct json *object)
{
	char texts[TABLE_MOST_COLUMNS][VALUE_TEXT_SIZE];
	const char *cells[TABLE_MOST_COLUMNS] = { NULL };

	for (size_t i = 0; i < columns->n; i++) {
		value_text(json_get(object, table->fields[i].key), table->fields[i].format,
		           texts[i]);
		cells[i] = texts[i];
	}
	columns_add(columns, cells);
}

bool table_print(const struct table *table, const struct json *answer, FILE *out)
{
	struct columns columns = { .n = count_fields(table) };
	const struct json *rows = json_get(answer, table->key);
	bool good;

	add_head(&columns, table);
	for (const struct json *row = rows ? rows->first : NULL; row; row = row->next)
		add_row(&columns, table, row);
	good = columns_print(&columns, 0, out);
	columns_fini(&columns);
	if (rows && member_integer(answer, "all") > (long long)rows->count)
		fprintf(out, "and %lld more\n",
		        member_integer(answer, "all") - (long long)rows->count);
	return good;
}
