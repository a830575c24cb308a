#include "uring/uring.h"

#include <errno.h>

#if SPORE_HAS_LIBURING

#include <ev.h>
#include <liburing.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container.h"
#include "loop/loop.h"

/* ROUNDS: how often the end of a turn collects results before other events get their turn; it may
 * submit once more. */
enum { BUFFERS = 512, QUEUED = 512, RESULTS = 4096, ROUNDS = 4 };
/* How many connections are ready in a turn, as a moving average in units of 1/ONE. */
enum { ONE = 256, WEIGHT = 32, PAYS = 2 * ONE + ONE / 2, CALM = ONE + ONE / 4 };
/* When the kernel takes no operations: time until the next attempt. */
static const double retry_s = 0.01;

struct uring {
	struct io_uring ring;
	struct loop *loop; /* borrowed: outlives the ring */
	struct loop_hook hook;
	ev_io io;
	ev_timer retry;
	struct io_uring_buf_ring *offered; /* owned; the buffers that the kernel may fill */
	uint8_t *buffers;                  /* owned */
	unsigned n_pending;                /* operations without their last result */
	unsigned n_given;                  /* buffers that the kernel does not know of yet */
	unsigned ready;                    /* connections, in this turn */
	unsigned density;                  /* see ONE */
};

/* ---- buffers ---- */

static void give_number(struct uring *uring, unsigned number)
{
	io_uring_buf_ring_add(uring->offered, uring->buffers + (size_t)number * URING_BUFFER,
	                      URING_BUFFER, (unsigned short)number, io_uring_buf_ring_mask(BUFFERS),
	                      (int)uring->n_given++);
}

void uring_give(struct uring *uring, const uint8_t *bytes)
{
	give_number(uring, (unsigned)((size_t)(bytes - uring->buffers) / URING_BUFFER));
}

static void offer_given(struct uring *uring)
{
	if (uring->n_given)
		io_uring_buf_ring_advance(uring->offered, (int)uring->n_given);
	uring->n_given = 0;
}

/* 0 or an errno. The memory of the buffers is not touched before they are used. */
static int offer_buffers(struct uring *uring)
{
	struct io_uring_buf_reg reg = { .ring_entries = BUFFERS };
	size_t size = BUFFERS * sizeof(struct io_uring_buf);
	void *offered = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1,
	                     0);
	int failed;

	uring->offered = offered == MAP_FAILED ? NULL : offered;
	uring->buffers = malloc((size_t)BUFFERS * URING_BUFFER);
	if (!uring->offered || !uring->buffers)
		return ENOMEM;
	reg.ring_addr = (uintptr_t)offered;
	failed = -io_uring_register_buf_ring(&uring->ring, &reg, 0);
	if (failed)
		return failed;
	io_uring_buf_ring_init(uring->offered);
	for (unsigned i = 0; i < BUFFERS; i++)
		give_number(uring, i);
	offer_given(uring);
	return 0;
}

/* ---- operations ---- */

bool uring_has_room(struct uring *uring, unsigned n)
{
	if (io_uring_sq_space_left(&uring->ring) < n)
		uring_submit(uring);
	return io_uring_sq_space_left(&uring->ring) >= n;
}

static struct io_uring_sqe *next_entry(struct uring *uring)
{
	if (!uring_has_room(uring, 1))
		return NULL;
	uring->n_pending++;
	return io_uring_get_sqe(&uring->ring);
}

bool uring_receive(struct uring *uring, struct uring_op *op, int fd)
{
	struct io_uring_sqe *sqe = next_entry(uring);

	if (!sqe)
		return false;
	io_uring_prep_recv_multishot(sqe, fd, NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = 0;
	io_uring_sqe_set_data(sqe, op);
	op->pending = true;
	return true;
}

bool uring_send(struct uring *uring, struct uring_op *op, int fd, const void *bytes, size_t len)
{
	struct io_uring_sqe *sqe = next_entry(uring);

	if (!sqe)
		return false;
	io_uring_prep_send(sqe, fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	io_uring_sqe_set_data(sqe, op);
	op->pending = true;
	return true;
}

bool uring_cancel(struct uring *uring, struct uring_op *op)
{
	struct io_uring_sqe *sqe = next_entry(uring);

	if (!sqe)
		return false;
	io_uring_prep_cancel(sqe, op, 0);
	io_uring_sqe_set_data(sqe, NULL);
	return true;
}

/* If the kernel is out of memory or has too many results to tell, it takes some or none. */
void uring_submit(struct uring *uring)
{
	offer_given(uring);
	io_uring_submit(&uring->ring);
}

void uring_withdraw(struct uring *uring, const struct uring_op *op)
{
	struct io_uring_sq *sq = &uring->ring.sq;
	unsigned tail = sq->sqe_tail;

	for (unsigned i = tail - io_uring_sq_ready(&uring->ring); i != tail; i++) {
		struct io_uring_sqe *sqe = &sq->sqes[i & sq->ring_mask];

		if (sqe->user_data != (uintptr_t)op)
			continue;
		*sqe = (struct io_uring_sqe){ 0 };
		io_uring_prep_nop(sqe);
		sqe->user_data = (uintptr_t)op;
	}
}

/* ---- results ---- */

static void tell_result(struct uring *uring, const struct io_uring_cqe *cqe)
{
	struct uring_op *op = io_uring_cqe_get_data(cqe);
	struct uring_result result = { .value = cqe->res,
		                       .more = (cqe->flags & IORING_CQE_F_MORE) != 0 };

	uring->n_pending -= result.more ? 0 : 1;
	if (!op)
		return; /* of a cancellation */
	if (cqe->flags & IORING_CQE_F_BUFFER)
		result.bytes = uring->buffers +
		               (size_t)(cqe->flags >> IORING_CQE_BUFFER_SHIFT) * URING_BUFFER;
	op->pending = result.more;
	op->on_result(op, &result);
}

/* Passes the results on that have come. False: none has. */
static bool collect(struct uring *uring)
{
	struct io_uring_cqe *cqe;
	unsigned head, n = 0;

	if (io_uring_cq_has_overflow(&uring->ring))
		io_uring_get_events(&uring->ring);
	io_uring_for_each_cqe(&uring->ring, head, cqe)
	{
		struct io_uring_cqe result = *cqe;

		/* Who gets the result may submit, so the place of the result must be free. */
		io_uring_cq_advance(&uring->ring, 1);
		tell_result(uring, &result);
		n++;
	}
	return n > 0;
}

void uring_wait(struct uring *uring)
{
	offer_given(uring);
	io_uring_submit_and_wait(&uring->ring, 1);
	collect(uring);
}

/* ---- turns ---- */

void uring_note(struct uring *uring)
{
	uring->ready++;
}

bool uring_pays(const struct uring *uring)
{
	return uring->density >= PAYS;
}

bool uring_is_calm(const struct uring *uring)
{
	return uring->density < CALM;
}

/* Turns without a ready connection do not count. */
static void update_density(struct uring *uring)
{
	if (!uring->ready)
		return;
	uring->density += uring->ready * (ONE / WEIGHT) - uring->density / WEIGHT;
	uring->ready = 0;
}

static bool on_turn_begin(struct loop_hook *hook)
{
	struct uring *uring = CONTAINER_OF(hook, struct uring, hook);

	return uring->n_pending && collect(uring);
}

/* True: results came. The loop runs their tasks and calls this again. After ROUNDS the rest waits:
 * the ring's descriptor is readable, so the loop wakes at once. If the kernel took no operations, a
 * timer tries again. */
static bool on_turn_end(struct loop_hook *hook, unsigned round)
{
	struct uring *uring = CONTAINER_OF(hook, struct uring, hook);

	if (!uring->n_pending) {
		update_density(uring);
		return false;
	}
	if (io_uring_sq_ready(&uring->ring))
		uring_submit(uring);
	else
		offer_given(uring);
	if (round < ROUNDS && collect(uring))
		return true;
	update_density(uring);
	if (io_uring_sq_ready(&uring->ring) && !ev_is_active(&uring->retry)) {
		ev_timer_set(&uring->retry, retry_s, 0.0);
		ev_timer_start(loop_ev(uring->loop), &uring->retry);
	}
	return false;
}

/* These wake the loop. The hook does the work. */
static void on_ready(struct ev_loop *ev, ev_io *io, int events)
{
	(void)ev;
	(void)io;
	(void)events;
}

static void on_retry(struct ev_loop *ev, ev_timer *timer, int events)
{
	(void)ev;
	(void)timer;
	(void)events;
}

/* ---- life ---- */

/* Does the kernel receive many messages by one operation? It learned that together with this other
 * operation, which is easier to ask for. */
static bool has_multishot(struct io_uring *ring)
{
	struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
	bool has = probe && io_uring_opcode_supported(probe, IORING_OP_SEND_ZC);

	io_uring_free_probe(probe);
	return has;
}

/* ThreadSanitizer does not see liburing's own system call that closes the ring's descriptor, and
 * would take the next file with this number for the ring. So liburing has nothing to close. */
static void close_ring(struct io_uring *ring)
{
	int fd = ring->ring_fd;

	io_uring_unregister_ring_fd(ring);
	ring->ring_fd = ring->enter_ring_fd = -1;
	io_uring_queue_exit(ring);
	close(fd);
}

/* 0 or an errno. */
static int open_ring(struct uring *uring)
{
	struct io_uring_params params = { .flags = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP |
		                                   IORING_SETUP_COOP_TASKRUN,
		                          .cq_entries = RESULTS };
	int failed = -io_uring_queue_init_params(QUEUED, &uring->ring, &params);

	if (failed)
		return failed == EINVAL ? ENOSYS : failed; /* it does not know a flag */
	failed = has_multishot(&uring->ring) ? offer_buffers(uring) : ENOSYS;
	if (failed) {
		close_ring(&uring->ring);
		return failed;
	}
	io_uring_register_ring_fd(&uring->ring); /* saves a look-up in each call */
	return 0;
}

static void free_memory(struct uring *uring)
{
	if (uring->offered)
		munmap(uring->offered, BUFFERS * sizeof(struct io_uring_buf));
	free(uring->buffers);
	free(uring);
}

struct uring *uring_new(struct loop *loop)
{
	struct uring *uring = calloc(1, sizeof *uring);
	int failed = uring ? open_ring(uring) : ENOMEM;

	if (failed) {
		if (uring)
			free_memory(uring);
		errno = failed;
		return NULL;
	}
	uring->loop = loop;
	ev_timer_init(&uring->retry, on_retry, 0.0, 0.0);
	ev_io_init(&uring->io, on_ready, uring->ring.ring_fd, EV_READ);
	ev_io_start(loop_ev(loop), &uring->io);
	uring->hook = (struct loop_hook){ on_turn_begin, on_turn_end };
	loop_set_hook(loop, &uring->hook);
	return uring;
}

void uring_free(struct uring *uring)
{
	if (!uring)
		return;
	loop_set_hook(uring->loop, NULL);
	ev_timer_stop(loop_ev(uring->loop), &uring->retry);
	ev_io_stop(loop_ev(uring->loop), &uring->io);
	close_ring(&uring->ring);
	free_memory(uring);
}

#else

struct uring *uring_new(struct loop *loop)
{
	(void)loop;
	errno = ENOSYS;
	return NULL;
}

void uring_free(struct uring *uring)
{
	(void)uring;
}

bool uring_has_room(struct uring *uring, unsigned n)
{
	(void)uring;
	(void)n;
	return false;
}

bool uring_receive(struct uring *uring, struct uring_op *op, int fd)
{
	(void)uring;
	(void)op;
	(void)fd;
	return false;
}

bool uring_send(struct uring *uring, struct uring_op *op, int fd, const void *bytes, size_t len)
{
	(void)uring;
	(void)op;
	(void)fd;
	(void)bytes;
	(void)len;
	return false;
}

bool uring_cancel(struct uring *uring, struct uring_op *op)
{
	(void)uring;
	(void)op;
	return false;
}

void uring_submit(struct uring *uring)
{
	(void)uring;
}

void uring_withdraw(struct uring *uring, const struct uring_op *op)
{
	(void)uring;
	(void)op;
}

void uring_wait(struct uring *uring)
{
	(void)uring;
}

void uring_give(struct uring *uring, const uint8_t *bytes)
{
	(void)uring;
	(void)bytes;
}

void uring_note(struct uring *uring)
{
	(void)uring;
}

bool uring_pays(const struct uring *uring)
{
	(void)uring;
	return false;
}

bool uring_is_calm(const struct uring *uring)
{
	(void)uring;
	return true;
}

#endif
