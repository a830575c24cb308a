/* sealed - an unchangeable copy of a file that only root or we could have written. [main] */
#ifndef CORE_SEALED_H
#define CORE_SEALED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sealed {
	int fd;               /* a memfd with all seals */
	const uint8_t *bytes; /* mapped read-only */
	size_t size;
};

/* Checks owner and modes of the file and of the folders above it, then copies it. False and *err
 * (which names the path at fault). */
bool sealed_open(const char *path, struct sealed *sealed_out, struct err *err);
/* As sealed_open, but only to be looked at, never to be run: what owner or modes forbid is said in
 * *forbidden_out (empty: nothing), and the copy is made all the same. */
bool sealed_inspect(const char *path, struct sealed *sealed_out, struct err *forbidden_out,
                    struct err *err);
/* Unmaps; closes the fd too if `close_fd`. */
void sealed_close(struct sealed *sealed, bool close_fd);

#endif
