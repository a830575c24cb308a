/* log - one line per event, with named fields; never blocks the caller.
 *
 * Each thread appends its lines to a ring of its own (ring); one writer thread carries the rings to
 * standard error (output). A line is dropped and counted if the ring is full or the line cannot be
 * written; a later line says how many were lost. So a reader of standard error that stalls or exits
 * does no harm. A log file may be moved or truncated. All values are escaped when the line is made
 * (logline): callers pass untrusted bytes as they are. */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "log/event.h"
#include "log/logline.h"

/* Chooses between LOG_FORMAT_TEXT and LOG_FORMAT_JSON, or their forms for the journal if standard
 * error leads to it. log_start does this, too. So this is for lines that are written before
 * log_start. [main] */
void log_set_format(enum log_format format);
/* The form that was chosen. [main] */
enum log_format log_get_format(void);
/* Starts the writer thread. Before log_start and after log_stop the calling thread writes its lines
 * itself. False: errno says why the system refused the descriptor or the thread. [main] */
bool log_start(enum log_level level, enum log_format format);
/* Writes the lines that wait, for at most a second, and ends the writer. [main] */
void log_stop(void);
/* Changes the level for all later events. [any] */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
bool log_is_enabled(enum log_level level);
/* Lines lost so far, in all threads. [any] */
uint64_t log_dropped(void);

/* `event` is a short constant phrase ("new client"). [any] */
void log_event(enum log_level level, const char *event, const struct log_field *fields, size_t n);

/* From now on, warnings and errors of the calling thread are also written to `out`, whatever the
 * level: a line each, without time and level. NULL: no longer. [any] */
void log_copy_warnings(FILE *out);

/* Writes the lines that wait and then this error, for at most a second, in the calling thread. For
 * a process that is about to end: later events are not written. Async-signal-safe. [any] */
void log_last_words(const char *event, const struct log_field *fields, size_t n);
/* Writes one error line to standard error itself, past the lines that wait: for a process that a
 * plugin has forked, and one whose descriptors a plugin has closed. [any] */
void log_at_once(const char *event, const struct log_field *fields, size_t n);

/* log_at(LOG_INFO, "new client", log_str("peer", peer), log_int("port", port)) */
#define log_at(level, event, ...)                                                                  \
	log_event((level), (event), (const struct log_field[]){ __VA_ARGS__ },                     \
	          sizeof((const struct log_field[]){ __VA_ARGS__ }) / sizeof(struct log_field))
#define log_error(event, ...) log_at(LOG_ERROR, event, __VA_ARGS__)
#define log_warn(event, ...)  log_at(LOG_WARN, event, __VA_ARGS__)
#define log_info(event, ...)  log_at(LOG_INFO, event, __VA_ARGS__)
#define log_debug(event, ...) log_at(LOG_DEBUG, event, __VA_ARGS__)

#endif
