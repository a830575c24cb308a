/* changes - the differences between two configurations, and how a reload applies each. Pure.
 * [main] */
#ifndef CORE_CHANGES_H
#define CORE_CHANGES_H

#include "config/effective.h"

/* Bytes of a value that are shown. */
enum { CHANGES_VALUE_SHOWN = 200 };

struct change {
	/* "/limits/max_tunnels"; "/auth/1" for an instance that was added, removed, or replaced by
	 * one with another "use", and then "/auth/1/secret" for each value that was written. */
	char *pointer;
	char *from, *to; /* as in struct effective_value, truncated if long; NULL: not set */
	bool from_is_default, to_is_default;
	enum option_change kind;
};

/* Zero-initialized is empty. */
struct changes {
	struct change *items; /* owned; in the order of the configuration */
	size_t n;
};

/* False: out of memory, and *changes_out is empty. */
bool changes_find(const struct effective *from, const struct effective *to,
                  struct changes *changes_out);
/* "live", "new connections only", "needs a restart". */
const char *changes_kind_name(enum option_change kind);
void changes_fini(struct changes *changes);

#endif
