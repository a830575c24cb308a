/* logline - formats an event as a line of text or of JSON. Pure. It takes no lock and calls nothing
 * in the C library that might, so the handler of a fault may use it. [any] */
#ifndef CORE_LOGLINE_H
#define CORE_LOGLINE_H

#include "log/event.h"

#define LOGLINE_MAX 2048

enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* Writes one line with its newline, cut to fit. wall_ms: milliseconds since 1970, not negative.
 * Returns the line's length. */
size_t logline_format(enum log_format format, int64_t wall_ms, enum log_level level,
                      const char *event, const struct log_field *fields, size_t n,
                      char out[LOGLINE_MAX]);

/* "trace", "debug", "info", "warn", "error". */
const char *logline_level_name(enum log_level level);

#endif
