/* sealed - an immutable copy in memory of a file that only root or this user could write. [main] */
#ifndef CORE_SEALED_H
#define CORE_SEALED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "files/access.h"

struct sealed {
	int fd;               /* a memfd with all seals */
	const uint8_t *bytes; /* mapped read-only */
	size_t size;
};

/* Checks the access, then copies the file. False and *err, which names the wrong path. */
bool sealed_open(const char *path, struct sealed *sealed_out, struct err *err);
/* The same for a file that is only inspected, never run: it is copied whatever the access is. */
bool sealed_inspect(const char *path, struct sealed *sealed_out, struct access_verdict *access_out,
                    struct err *err);
/* Unmaps the copy and closes its descriptor. */
void sealed_close(struct sealed *sealed);

#endif
