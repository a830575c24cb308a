/* elders - the servers before this one that still live, because they have clients that cannot move
 * (upgrade/upgrade). The data connections of such clients come to this process, which has the
 * control port. Those with an id that it does not know go to the newest elder, with what was said:
 *
 *   client ── Accept ──▶ this process ── descriptor, and what was said ──▶ elder ──▶ visitor
 *
 * What was said are bytes as on the connection: Challenge, if the server has sent it, Authenticate,
 * Accept, and what the client has sent behind it. The elder goes on from there, and may send the
 * connection to an elder of its own. Each elder has a socket pair with bounds of messages, whose
 * buffer limits how many connections are on their way. */
#ifndef CORE_ELDERS_H
#define CORE_ELDERS_H

#include <ev.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;

enum { ELDERS_MOST = 8, ELDERS_SAID_MOST = 2048 };

struct elder {
	struct elders *elders;
	int fd;
	bool is_open;
	ev_io end; /* of the other process */
};

/* A zeroed one has none. */
struct elders {
	pthread_mutex_t lock;
	struct loop *main_loop;
	struct elder all[ELDERS_MOST]; /* newest first; under the lock */
	atomic_uint n_open;
};

/* ---- the younger process ---- */

/* Takes n <= ELDERS_MOST descriptors. [main] */
void elders_open(struct elders *elders, struct loop *main_loop, const int *fds, unsigned n);
/* Idempotent. [main] */
void elders_close(struct elders *elders);
/* Other descriptors for the next process, which the caller owns. Returns how many. [main] */
unsigned elders_copy(struct elders *elders, int out[ELDERS_MOST]);
/* [any] */
bool elders_exist(const struct elders *elders);

enum elders_result { ELDERS_SENT, ELDERS_NONE, ELDERS_BUSY };

/* Sends the connection, whose descriptor stays the caller's, to the newest elder that lives and
 * reads. Does not wait: BUSY if there are elders, but none of them reads. len <= ELDERS_SAID_MOST.
 * [any] */
enum elders_result elders_send(struct elders *elders, int connection, const void *said, size_t len);

/* ---- the elder ---- */

/* The ends of an elder and of the younger process. False and errno. [any] */
bool elders_pair(int *elder_out, int *younger_out);

enum elders_news { ELDERS_CONNECTION, ELDERS_NOTHING, ELDERS_END };

/* Reads a connection, which the caller owns; -1: no descriptor was left for it. *len_inout: the
 * size of `said`, and then of what was said. NOTHING: none has come, or memory is out. END: no
 * younger process lives. [any] */
enum elders_news elders_receive(int fd, int *connection_out, void *said, size_t *len_inout);

#endif
