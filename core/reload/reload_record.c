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

/* Copies the first line, which is the first mistake. */
static void copy_mistake(const char *mistakes, char *out, size_t size)
{
	static const char prefix[] = "error: ";
	const char *line = mistakes ? mistakes : "out of memory";

	if (strncmp(line, prefix, strlen(prefix)) == 0)
		line += strlen(prefix);
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
