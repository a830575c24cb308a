/* returns - data connections that the next process has sent to this one, which is its elder
 * (keep/elders): reads them on the main loop, and gives one to each worker in turn. While too many
 * wait for their workers, it does not read, so that the next process hears BUSY. [main] */
#ifndef CORE_RETURNS_H
#define CORE_RETURNS_H

#include <ev.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct loop;

/* A zeroed one is closed. */
struct returns {
	struct loop *main_loop;
	struct loop *const *loops; /* the workers', running until returns_close */
	unsigned n_loops, next;
	int fd;
	bool is_open;
	bool has_run_out; /* of descriptors: the log has a line */
	ev_io reader;
	ev_timer pause;      /* runs while the reader does not, since too many wait */
	atomic_uint waiting; /* connections that workers have yet to go on with */
	/* Takes the descriptor of a connection, and gets what was said on it. [worker] of the loop
	 * of this index */
	void (*resume)(void *arg, unsigned index, int fd, const void *said, size_t len);
	/* No younger process lives any more; it is closed. */
	void (*on_end)(void *arg);
	void *arg;
};

/* Takes the fd, of elders_pair. The other members must be set. */
void returns_open(struct returns *returns, int fd);
/* Idempotent. */
void returns_close(struct returns *returns);

#endif
