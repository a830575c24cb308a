/* uring - the io_uring of one worker: many receives and sends for one system call.
 *
 *      receive: armed once ──▶ on_result with each message, in a buffer of the ring
 *      send:    queued ──▶ submitted with the others at the end of the turn ──▶ on_result
 *
 * A send never waits for the peer: it takes what fits into the socket. The loop collects results at
 * the start of each turn and behind each submission (struct loop_hook). It pays while several
 * connections become ready in one turn; with one at a time, epoll is cheaper. [worker] */
#ifndef CORE_URING_H
#define CORE_URING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct uring;

/* Bytes of one buffer; a longer message comes in several. */
enum { URING_BUFFER = 2048 };

struct uring_result {
	int value;      /* bytes; 0: the end of the stream; below 0: a negative errno */
	uint8_t *bytes; /* what was received. Give the buffer back (uring_give). NULL: none */
	bool more;      /* the receive goes on, so more results follow */
};

/* A receive or a send, embedded in its owner, which keeps it until it is not pending. */
struct uring_op {
	void (*on_result)(struct uring_op *op, const struct uring_result *result);
	bool pending; /* on_result will be called again */
};

/* Creates the ring of the loop. NULL: errno; ENOSYS if the kernel or this build has too little of
 * io_uring, EPERM or EACCES if a sandbox forbids it. */
struct uring *uring_new(struct loop *loop);
/* No operation may be pending. NULL is fine. */
void uring_free(struct uring *uring);

/* Is there room for n operations? Otherwise the next three functions may return false: nothing was
 * queued. */
bool uring_has_room(struct uring *uring, unsigned n);
/* Receives until the end, a failure or uring_cancel. */
bool uring_receive(struct uring *uring, struct uring_op *op, int fd);
/* The bytes must stay until the result. */
bool uring_send(struct uring *uring, struct uring_op *op, int fd, const void *bytes, size_t len);
/* Ends a pending receive. Results may come before its last one, which has -ECANCELED. */
bool uring_cancel(struct uring *uring, struct uring_op *op);
/* Hands what is queued to the kernel. Call it, and then uring_withdraw for each operation, before
 * the descriptor of a queued operation is closed. */
void uring_submit(struct uring *uring);
/* If the kernel has not taken the operation yet, it is replaced by one that does nothing, with the
 * result 0. */
void uring_withdraw(struct uring *uring, const struct uring_op *op);
/* Waits for a result, and calls on_result for all that there are. */
void uring_wait(struct uring *uring);
/* Gives a buffer back to the kernel. */
void uring_give(struct uring *uring, const uint8_t *bytes);

/* Counts a connection that was ready in this turn, by whatever means. */
void uring_note(struct uring *uring);
/* Several connections have lately been ready in a turn, so io_uring is cheaper than epoll. */
bool uring_pays(const struct uring *uring);
/* There was hardly more than one. */
bool uring_is_calm(const struct uring *uring);

#endif
