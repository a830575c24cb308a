/* format - the lines of the log as text, by the operator's format: "{time} {event} peer={peer}".
 *
 * A value that could be mistaken for something else stands between quotes, and every byte of it
 * that is not printable ASCII is escaped. So no client or visitor can end a line or add a field to
 * it. */
#ifndef EVENTS_LOG_FORMAT_H
#define EVENTS_LOG_FORMAT_H

#include <spore/events.h>
#include <stdbool.h>

#include "text.h"

struct format;

enum { FORMAT_ERROR_SIZE = 384 };

/* Reads the format. NULL: it is wrong, and `error` says why; empty: out of memory. */
struct format *format_new(const char *text, char error[FORMAT_ERROR_SIZE]);
/* NULL is fine. */
void format_free(struct format *format);
/* Adds a line without its end. What the event does not have is "-". */
void format_write(const struct format *format, const spore_event *event, struct text *out);
/* Adds a line by no format: the time if wanted, the event, and KEY=VALUE for all that it has. */
void format_write_pairs(const spore_event *event, bool has_time, struct text *out);
/* Adds a value: as it is, or between quotes. */
void format_quote(spore_str value, struct text *out);

#endif
