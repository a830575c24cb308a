/* output - writes log lines to standard error, and never waits longer than its deadline.
 *
 * A reader that stalls delays the writing thread alone. A line that was cut by an error is ended
 * before the next one. Async-signal-safe. One thread at a time, except for output_set_deadline. */
#ifndef CORE_OUTPUT_H
#define CORE_OUTPUT_H

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The size of a batch of lines. A pipe takes that much whole or not at all, so no line is torn. */
enum { OUTPUT_BATCH = PIPE_BUF };

/* Starts as { .fd = STDERR_FILENO }. */
struct output {
	int fd;                          /* standard error, or the same file opened again */
	bool torn;                       /* the last line was cut, and its rest is lost */
	atomic_int_fast64_t deadline_ms; /* of clock_ms; 0: none */
};

/* Opens a descriptor of our own for what standard error is, if possible. */
void output_open(struct output *output);
/* Goes back to standard error. */
void output_close(struct output *output);
/* Writing stops at that time. Also stops a write that waits in another thread. 0: no deadline.
 * [any] */
void output_set_deadline(struct output *output, int64_t deadline_ms);
/* True once the deadline has passed. [any] */
bool output_is_late(const struct output *output);

/* Writes the `len` bytes of whole lines at batch + 1; batch[0] is for the end of a torn line.
 * Returns how many of them were written: fewer if the deadline has passed, or (then *failed_out) if
 * the rest cannot be written. */
size_t output_write_batch(struct output *output, char *batch, size_t len, bool *failed_out);
/* Writes one line to standard error, until `until_ms`. False if it was not written whole. */
bool output_write_line(const struct output *output, const char *line, size_t len, int64_t until_ms);

#endif
