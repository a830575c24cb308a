/* input - reads a file that the configuration names, and never waits for ever for what is not one.
 *
 * A pipe is read, too, such as that of `--secret-file <(pass show spore)`: something must write to
 * it soon, and it must end in time. So is the terminal that is the standard input. Sockets and
 * other devices are refused before they are opened. A file system that does not answer blocks the
 * thread; the log then names the file (thread/reading). [main], [control] */
#ifndef CORE_INPUT_H
#define CORE_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/err.h"

struct input {
	int fd;         /* -1: not open */
	struct stat st; /* of the open file */
	bool is_pipe;
	bool has_begun;   /* a pipe: something has written to it */
	int64_t begin_ms; /* when it must have begun, and ended; of clock_ms */
	int64_t end_ms;
};

/* `option`: the JSON pointer or the flag that names the file. False: *err says why. Call
 * input_close in both cases. */
bool input_open(struct input *input, const char *path, const char *option, struct err *err);
/* Reads until the end or `size` bytes. Returns their number, which is less than `size` only at the
 * end; -1 and *err. */
ssize_t input_read(struct input *input, char *out, size_t size, struct err *err);
/* Reads until the end. Returns the bytes, which the caller frees; NULL and *err, also if there are
 * more than `most_mib` MiB. */
char *input_read_all(struct input *input, size_t most_mib, size_t *len_out, struct err *err);
void input_close(struct input *input);

#endif
