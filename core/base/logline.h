/* logline - how an event becomes a line of text or of JSON. Pure. [any] */
#ifndef CORE_LOGLINE_H
#define CORE_LOGLINE_H

#include "base/log.h"

#define LOGLINE_MAX 2048

/* Writes one line with its newline, cut to fit. wall_ms: milliseconds since the epoch. Returns its
 * length. */
size_t logline_format(enum log_format format, int64_t wall_ms, enum log_level level, const char *event,
                      const struct log_field *fields, size_t n, char out[LOGLINE_MAX]);

#endif
