/* visitor_line - the log's line about a visitor that has left the server, with the option
 * log.visitors. [any] */
#ifndef CORE_QUOTA_VISITOR_LINE_H
#define CORE_QUOTA_VISITOR_LINE_H

#include <spore/base.h>

#include "base/uuid.h"

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

void visitor_line_write(const struct visitor_line *line);

#endif
