/* event - what happened, as the log takes it: a level and named fields. [any] */
#ifndef CORE_EVENT_H
#define CORE_EVENT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum log_level { LOG_TRACE, LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* The bytes of a text may be untrusted: they are escaped when the line is made. */
struct log_field {
	const char *key; /* trusted: letters and '_' */
	const char *text;
	size_t len;     /* of text */
	int64_t number; /* the value if text is NULL */
};

static inline struct log_field log_text(const char *key, const char *text, size_t len)
{
	return (struct log_field){ key, text ? text : "", len, 0 };
}

static inline struct log_field log_str(const char *key, const char *text)
{
	return log_text(key, text, text ? strlen(text) : 0);
}

static inline struct log_field log_int(const char *key, int64_t number)
{
	return (struct log_field){ key, NULL, 0, number };
}

#endif
