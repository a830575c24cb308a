#include "reload/reload_record.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "metrics/families.h"
#include "reload/reload_answer.h"

static void set_gauge(const struct reload_record *record, enum family family, double value)
{
	metrics_set(record->metrics, record->shard, family_series(record->metrics, family, NULL),
	            value);
}

static void show(const struct reload_record *record)
{
	set_gauge(record, FAMILY_RELOAD_GOOD, !record->is_refused);
	if (!record->is_refused)
		set_gauge(record, FAMILY_RELOAD_TIME, (double)time(NULL));
}

void reload_record_init(struct reload_record *record, struct metrics *metrics, unsigned shard)
{
	*record = (struct reload_record){ .metrics = metrics, .shard = shard };
	show(record);
}

/* The first line with a mistake: lines of an excerpt are indented. */
static void copy_mistake(const char *mistakes, char *out, size_t size)
{
	static const char bare[] = "error: ";
	const char *line = mistakes ? mistakes : "out of memory";
	bool is_bare = strncmp(line, bare, strlen(bare)) == 0;

	line += is_bare ? strlen(bare) : 0;
	snprintf(out, size, "%.*s", (int)strcspn(line, "\n"), line);
}

void reload_record_end(struct reload_record *record, const struct reload_answer *answer)
{
	record->at_ms = clock_ms();
	record->is_refused = !answer->swapped;
	record->why[0] = '\0';
	if (record->is_refused)
		copy_mistake(answer->mistakes, record->why, sizeof record->why);
	show(record);
}
