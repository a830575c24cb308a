/* visitor_line - the log's line about a visitor that has left the server. [any] */
#ifndef CORE_QUOTA_VISITOR_LINE_H
#define CORE_QUOTA_VISITOR_LINE_H

#include <spore/base.h>

#include "base/uuid.h"
#include "log/event.h"

struct account;

struct visitor_line {
	struct uuid id;
	spore_addr peer;
	const struct account *account; /* of its tunnel */
	uint16_t port;                 /* where it has come */
	int64_t since_ms;              /* time of arrival, by clock_ms() */
	uint64_t bytes_up, bytes_down; /* from the visitor, and to it */
	const char *reason;            /* of the end */
	const char *word;              /* the same, for the listeners of events: event/event */
	const char *error;             /* what a transport reports; NULL: nothing */
};

/* event: "visitor ended" is that of the option log.visitors. */
void visitor_line_write(enum log_level level, const char *event, const struct visitor_line *line);

#endif
