/* output - what a program prints, such as a password manager that knows a secret.
 *
 * The program runs without a shell, in a process group of its own. Its standard input is empty, and
 * it inherits no descriptor that is closed on exec. If it takes too long or prints too much, it is
 * ended with its group. If this process ends, the program is ended, but not its group. */
#ifndef CORE_SECRET_OUTPUT_H
#define CORE_SECRET_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

/* Runs argv, which ends with NULL; a name without a slash is looked up in PATH. Waits until the
 * program has ended with status 0 and stores what it has printed, at most `size` bytes. Returns the
 * length, or -1 with the reason in *err. The reason may hold the start of what the program has
 * printed to standard error, but nothing of its standard output. Blocks for up to `most_ms`.
 * [main], [blocking] */
ssize_t output_read(char *const *argv, int most_ms, char *out, size_t size, struct err *err);
/* True: a program runs; its name is stored, cut to `size` bytes with the NUL. [any] */
bool output_runs(char *name_out, size_t size);
/* The process is about to end: ends the program that runs, with its group. [any] */
void output_end_program(void);

#endif
