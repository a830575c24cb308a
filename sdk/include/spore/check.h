/* spore/check.h - health checks of the services behind a client's tunnels.
 * SPDX-License-Identifier: MIT
 *
 * The host decides when a service is checked, connects to it, moves the bytes, ends a check that
 * takes too long, and counts successes and failures. A check plugin knows what to send to the
 * service, and whether the reply means that the service works.
 *
 *   connected ──▶ request() ──▶ bytes arrive ──▶ judge() ──▶ UP or DOWN: the host disconnects
 *                                    ▲               │
 *                                    └──── MORE ─────┘
 *
 * An instance keeps nothing about a check, so many checks may be under way at once.
 */
#ifndef SPORE_CHECK_H
#define SPORE_CHECK_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The service that is checked. */
typedef struct spore_check_target {
	uint32_t struct_size;
	uint32_t port;    /* 0: the service is a unix socket */
	const char *host; /* as configured, without brackets; or the path of the unix socket */
} spore_check_target;
SPORE_GROWABLE(spore_check_target, host);

/* The most bytes of a request, and of a reply. */
enum { SPORE_CHECK_REQUEST_MAX = 4096, SPORE_CHECK_REPLY_MAX = 16384 };

typedef struct spore_check_reply {
	uint32_t struct_size;
	/* 1: no more bytes will come, because the service has ended the connection or the reply has
	 * SPORE_CHECK_REPLY_MAX bytes. MORE then means DOWN. */
	uint32_t ended;
	/* All that the service has sent so far. At least one byte, unless `ended` is 1. */
	spore_str bytes;
} spore_check_reply;
SPORE_GROWABLE(spore_check_reply, bytes);

#define SPORE_CHECK_WHY_SIZE 128

/* What judge() can say besides its result. Before each call, the host sets struct_size to the size
 * of its struct and zeroes the rest. */
typedef struct spore_check_result {
	uint32_t struct_size;
	uint32_t reserved;
	/* DOWN: why, for the operator's log and for the server, such as "status 500";
	 * NUL-terminated UTF-8. */
	char why[SPORE_CHECK_WHY_SIZE];
} spore_check_result;
SPORE_GROWABLE(spore_check_result, why);

/* What judge() returns. They differ from 0, 1 and all status codes. */
enum { SPORE_CHECK_UP = 0x5A11, SPORE_CHECK_DOWN = 0x5A12, SPORE_CHECK_MORE = 0x5A13 };

/* Both functions run on a worker: they should make no system call and take no lock. */
typedef struct spore_check_ops {
	uint32_t struct_size;
	uint32_t flags; /* 0 */
	/* Writes what the host sends first, and returns its length, at most `size` bytes. 0: the
	 * service speaks first. [worker] */
	size_t (*request)(void *state, const spore_check_target *, char *out, size_t size);
	/* Returns SPORE_CHECK_UP, _DOWN or _MORE. Any other value means DOWN and is logged.
	 * [worker] */
	int32_t (*judge)(void *state, const spore_check_target *, const spore_check_reply *,
	                 spore_check_result *out);
} spore_check_ops;
SPORE_GROWABLE(spore_check_ops, judge);

#ifdef __cplusplus
}
#endif
#endif
