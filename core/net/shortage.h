/* shortage - what the process or the system has no more of, as the errno of a failed call tells.
 * Pure. [any] */
#ifndef CORE_SHORTAGE_H
#define CORE_SHORTAGE_H

#include <errno.h>
#include <stddef.h>

enum shortage {
	SHORTAGE_NONE,        /* the cause is another one */
	SHORTAGE_DESCRIPTORS, /* of the process */
	SHORTAGE_FILES,       /* open files of the whole system */
	SHORTAGE_MEMORY
};

/* Why a connection or a look-up has failed. */
struct net_failure {
	const char *why;
	enum shortage lacks; /* what this machine lacked for it */
};

/* What raises the limit of the process, for the log. */
#define SHORTAGE_RAISE_DESCRIPTORS "ulimit -n, or LimitNOFILE= of the systemd unit"

static inline enum shortage shortage_of(int cause)
{
	switch (cause) {
	case EMFILE:
		return SHORTAGE_DESCRIPTORS;
	case ENFILE:
		return SHORTAGE_FILES;
	case ENOBUFS:
	case ENOMEM:
		return SHORTAGE_MEMORY;
	default:
		return SHORTAGE_NONE;
	}
}

/* The limit that the operator may raise. NULL: there is none. */
static inline const char *shortage_remedy(enum shortage shortage)
{
	switch (shortage) {
	case SHORTAGE_DESCRIPTORS:
		return SHORTAGE_RAISE_DESCRIPTORS;
	case SHORTAGE_FILES:
		return "sysctl fs.file-max";
	default:
		return NULL;
	}
}

#endif
