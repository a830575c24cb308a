/* log - one line an event, with named fields; never blocks the caller.
 *
 * Each thread writes into a ring of its own (one producer, one consumer, no lock); one writer
 * thread carries the rings to standard error. A full ring drops the line and counts it, and so does
 * the writer with a line that cannot be written; it says how many were lost as soon as there is
 * room. A reader of standard error that stalls or dies harms nobody, nor does a file that is moved
 * away or cut short. All values are escaped here: callers pass untrusted bytes as they are. */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log/event.h"
#include "log/logline.h"

/* Starts the writer thread. Before it (and after log_stop) lines are written at once. [main] */
bool log_start(enum log_level level, enum log_format format);
/* Writes what waits, for at most a second, and ends the writer. [main] */
void log_stop(void);
/* From now on. [any] */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
bool log_is_enabled(enum log_level level);
/* Lines lost so far, over all threads. [any] */
uint64_t log_dropped(void);

/* `event` is a short constant phrase ("new client"). [any] */
void log_event(enum log_level level, const char *event, const struct log_field *fields, size_t n);

/* Writes what waits and this error behind it, for at most a second, in the caller's own thread. For
 * a process that ends here and now: nothing is logged after it. Async-signal-safe. [any] */
void log_last_words(const char *event, const struct log_field *fields, size_t n);

/* log_at(LOG_INFO, "new client", log_str("peer", peer), log_int("port", port)) */
#define log_at(level, event, ...)                                                                  \
	log_event((level), (event), (const struct log_field[]){ __VA_ARGS__ },                     \
	          sizeof((const struct log_field[]){ __VA_ARGS__ }) / sizeof(struct log_field))
#define log_error(event, ...) log_at(LOG_ERROR, event, __VA_ARGS__)
#define log_warn(event, ...)  log_at(LOG_WARN, event, __VA_ARGS__)
#define log_info(event, ...)  log_at(LOG_INFO, event, __VA_ARGS__)
#define log_debug(event, ...) log_at(LOG_DEBUG, event, __VA_ARGS__)

#endif
