/* logline - how an event becomes a line of text or of JSON. Pure, without a lock or a call of the C
 * library that may take one, so that a handler of a crash may use it, too. [any] */
#ifndef CORE_LOGLINE_H
#define CORE_LOGLINE_H

#include "log/event.h"

#define LOGLINE_MAX 2048

enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* Writes one line with its newline, cut to fit. wall_ms: milliseconds since the epoch, not
 * negative. Returns its length. */
size_t logline_format(enum log_format format, int64_t wall_ms, enum log_level level,
                      const char *event, const struct log_field *fields, size_t n,
                      char out[LOGLINE_MAX]);

/* "trace" to "error". */
const char *logline_level_name(enum log_level level);

#endif
