/* logline - formats an event as a line of text or of JSON, for a file or for systemd's journal.
 * Pure. It takes no lock and calls nothing in the C library that might, so the handler of a fault
 * may use it. [any] */
#ifndef CORE_LOGLINE_H
#define CORE_LOGLINE_H

#include <stdbool.h>

#include "log/event.h"

#define LOGLINE_MAX 2048

/* A line for the journal begins with its priority: "<4>". A line of text has no time then, since
 * the journal has one. An object of JSON stays as it is. */
enum log_format {
	LOG_FORMAT_TEXT,
	LOG_FORMAT_JSON,
	LOG_FORMAT_JOURNAL,      /* text for the journal */
	LOG_FORMAT_JOURNAL_JSON, /* JSON for the journal */
	LOG_FORMAT_BARE          /* text without time, level and priority */
};

/* True for the two formats of JSON. */
bool logline_is_json(enum log_format format);
/* What the journal expects before a line of that level, in the formats for it; else "". */
const char *logline_priority(enum log_format format, enum log_level level);

/* Writes one line with its newline, cut to fit. wall_ms: milliseconds since 1970, not negative.
 * Returns the line's length. */
size_t logline_format(enum log_format format, int64_t wall_ms, enum log_level level,
                      const char *event, const struct log_field *fields, size_t n,
                      char out[LOGLINE_MAX]);

/* "trace", "debug", "info", "warn", "error". */
const char *logline_level_name(enum log_level level);

#endif
