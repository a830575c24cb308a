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

/* What owner and modes of a file, and of the folders above it, say. */
struct sealed_access {
	struct err forbidden; /* why it must not be used; empty: it may */
	struct err doubtful;  /* the first path that its group may write, which root does not allow
	                         itself */
};

/* Checks the access, then copies the file. False and *err (which names the path at fault). */
bool sealed_open(const char *path, struct sealed *sealed_out, struct err *err);
/* The same only to be looked at, never to be run: the copy is made whatever the access is. */
bool sealed_inspect(const char *path, struct sealed *sealed_out, struct sealed_access *access_out,
                    struct err *err);
/* Unmaps; closes the fd too if `close_fd`. */
void sealed_close(struct sealed *sealed, bool close_fd);

#endif
