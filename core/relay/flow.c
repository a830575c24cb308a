#include "relay/flow.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "log/log.h"
#include "loop/loop.h"
#include "net/stream.h"
#include "relay/pipes.h"

/* A read is at most one scratch, and nothing is read while the spill holds bytes. At the start of a
 * relay, the spill may hold as much again: the bytes that followed Accept. */
static const size_t spill_max = 2 * LOOP_SCRATCH;
/* Size of a read if the streams can be spliced. FULL_READS full reads in a row mean that more data
 * is coming than is cheap to copy. A turn that splices less than this is slow. */
static const size_t copy_bytes = (size_t)16 * 1024;
/* Size of a read if the streams cannot be spliced. In bulk, a read is even as long as the scratch,
 * because most of its cost is that of the system call. */
static const size_t long_copy_bytes = (size_t)64 * 1024;
/* What one direction may move in one turn of the loop. */
static const size_t turn_bytes = PIPE_BYTES;
enum { FULL_READS = 2, SLOW_TURNS = 4 };
/* At least one flow in 64 looks for the end of its source behind the first bytes. */
enum { MOST_VAIN_LOOKS = 6 };

static void give_pipe(struct flow *flow, struct pipe_pool *pipes)
{
	pipe_pool_give(pipes, flow->pipe);
	flow->pipe = NULL;
}

void flow_fini(struct flow *flow, struct pipe_pool *pipes)
{
	buf_fini(&flow->spill);
	give_pipe(flow, pipes);
}

uint64_t flow_received(const struct flow *flow)
{
	return flow->bytes + flow->spill.len - flow->own + (flow->pipe ? flow->pipe->len : 0);
}

/* The destination takes no more bytes. Bytes that it sent before may still arrive, so the other
 * direction goes on until it ends, too. */
static void break_off(struct flow *flow, const struct flow_ends *ends)
{
	flow_fini(flow, ends->pipes);
	flow->state = FLOW_BROKEN;
}

/* ---- copying ---- */

typedef enum stream_io (*write_fn)(struct stream *stream, const void *bytes, size_t len,
                                   size_t *n_out);

/* Writes as much as the destination takes, which is *n_out bytes. False: the flow is broken. */
static bool write_some(struct flow *flow, const struct flow_ends *ends, write_fn write,
                       const uint8_t *bytes, size_t len, size_t *n_out)
{
	for (*n_out = 0; *n_out < len;) {
		size_t n;
		enum stream_io io = write(ends->to, bytes + *n_out, len - *n_out, &n);

		if (io == STREAM_AGAIN)
			break;
		if (io != STREAM_OK) {
			break_off(flow, ends);
			return false;
		}
		*n_out += n;
		flow->bytes += n;
	}
	return true;
}

/* Was this a full read? A transport returns whole records, which seldom fill a read, so half of a
 * long read counts as full. It counts only if the destination took all of it: a slow destination
 * must not get longer reads, because their rest is kept in the spill. */
static bool is_full(bool splices, size_t n, size_t taken)
{
	if (splices)
		return n >= copy_bytes;
	return n >= long_copy_bytes / 2 && taken == n;
}

/* Counts full reads in a row. */
static void note_read(struct flow *flow, bool full)
{
	if (!full)
		flow->full_reads = 0;
	else if (flow->full_reads < FULL_READS)
		flow->full_reads++;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t copy_size(const struct flow *flow, bool splices)
{
	if (splices)
		return copy_bytes;
	return flow->full_reads < FULL_READS ? long_copy_bytes : LOOP_SCRATCH;
}

/* Has the peer of this stream ended its direction, although nobody has read that yet? */
static bool has_ended_unread(const struct stream *stream)
{
	struct pollfd fd = { stream_fd(stream), POLLRDHUP, 0 };

	return poll(&fd, 1, 0) > 0;
}

/* Has the source ended with no byte, while its peer across the relay went on? A source may end
 * first here although the other one did so before: the end of that one waits to be read, or to be
 * written through a transport. */
static bool is_first_and_empty(const struct flow *flow, const struct flow_ends *ends)
{
	return flow->bytes == 0 && ends->other_is_open && !has_ended_unread(ends->to);
}

/* Looking costs a system call. So the more looks in a row were in vain, the fewer flows look. */
static bool look_for_end(const struct flow_ends *ends)
{
	struct end_look *look = ends->look;
	bool found;

	if (look->until > 0) {
		look->until--;
		return false;
	}
	found = stream_meets_end(ends->from);
	if (found)
		look->vain = 0;
	else if (look->vain < MOST_VAIN_LOOKS)
		look->vain++;
	look->until = found ? 0 : 1U << look->vain;
	return found;
}

/* Were these the last bytes of the source? False may also mean that nobody has looked. */
static bool were_last(const struct flow *flow, const struct flow_ends *ends, bool is_short)
{
	return ends->look && is_short && flow->bytes == 0 && stream_is_bare(ends->from) &&
	       look_for_end(ends);
}

/* Writes the last bytes of the source, and the end if the destination takes all of them. Otherwise
 * the end is read again. False: the flow is broken. */
static bool write_last(struct flow *flow, const struct flow_ends *ends, const uint8_t *bytes,
                       size_t len, size_t *n_out)
{
	if (!write_some(flow, ends, stream_write_last, bytes, len, n_out))
		return false;
	if (*n_out == len) {
		flow->state = FLOW_ENDING;
		flow_drain(flow, ends);
	}
	return flow->state != FLOW_BROKEN;
}

/* Reads once and writes the bytes on. splices: more data would be spliced, so the read is short.
 * False: as flow_pump. */
static bool copy_once(struct flow *flow, const struct flow_ends *ends, bool splices)
{
	uint8_t *scratch = loop_scratch(ends->loop);
	size_t n, taken;
	bool is_whole;
	size_t size = smaller(copy_size(flow, splices), ends->most);
	enum stream_io io = stream_read(ends->from, scratch, size, &n);

	if (io == STREAM_AGAIN)
		return true;
	if (io == STREAM_ERROR)
		return false;
	if (io == STREAM_EOF) {
		flow->state = FLOW_ENDING;
		flow->ended_empty = is_first_and_empty(flow, ends);
		flow_drain(flow, ends);
		return true;
	}
	is_whole = were_last(flow, ends, n < size)
	                   ? write_last(flow, ends, scratch, n, &taken)
	                   : write_some(flow, ends, stream_write, scratch, n, &taken);
	if (!is_whole)
		return true;
	note_read(flow, is_full(splices, n, taken));
	if (buf_append(&flow->spill, scratch + taken, n - taken, spill_max))
		return true;
	log_error("relay reset: out of memory", log_int("bytes", (int64_t)(n - taken)));
	return false;
}

/* ---- splicing ---- */

static bool can_splice(const struct flow_ends *ends)
{
	return stream_raw(ends->from) & SPORE_READ && stream_may_go_raw(ends->to);
}

static ssize_t splice_some(int from, int to, size_t len)
{
	return splice(from, NULL, to, NULL, len, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
}

/* The cause of a failed splice to the destination. was_partial: the splice before it has moved only
 * some of the bytes. That one may have met a reset without reporting it, and the next one gets
 * EPIPE. So this EPIPE counts as a reset. */
static int cause_of_break(ssize_t n, int splice_errno, bool was_partial)
{
	int cause = n < 0 ? splice_errno : EPIPE;

	return cause == EPIPE && was_partial ? ECONNRESET : cause;
}

/* A sandbox refuses the call with one of these errors, and so does a kernel or a file that has no
 * such operation. A connection fails with none of them. */
static bool is_refusal(int cause)
{
	return cause == EPERM || cause == EACCES || cause == ENOSYS || cause == EINVAL;
}

static void note_refusal(const struct flow_ends *ends, int cause)
{
	pipe_pool_refuse(ends->pipes, "splice", cause, loop_now_ms(ends->loop));
}

/* Moves the bytes of the pipe to the spill, which is empty now and has room for a full pipe. False:
 * out of memory; the flow is broken. */
static bool unload_pipe(struct flow *flow, const struct flow_ends *ends)
{
	uint8_t *scratch = loop_scratch(ends->loop);

	while (flow->pipe->len > 0) {
		ssize_t n = read(flow->pipe->out, scratch, LOOP_SCRATCH);

		if (n <= 0 || !buf_append(&flow->spill, scratch, (size_t)n, spill_max)) {
			stream_lose(ends->to, ENOMEM);
			break_off(flow, ends);
			return false;
		}
		flow->pipe->len -= (size_t)n;
	}
	return true;
}

/* Splices as much as the destination takes. If splicing is refused, the bytes are in the spill
 * afterwards. False: the flow is broken. */
static bool empty_pipe(struct flow *flow, const struct flow_ends *ends)
{
	struct pipe *pipe = flow->pipe;
	bool was_partial = false;

	while (pipe->len > 0) {
		ssize_t n = splice_some(pipe->out, stream_fd(ends->to), pipe->len);

		if (n < 0 && errno == EAGAIN)
			return true;
		if (n < 0 && is_refusal(errno)) {
			note_refusal(ends, errno);
			return unload_pipe(flow, ends);
		}
		if (n <= 0) {
			stream_lose(ends->to, cause_of_break(n, errno, was_partial));
			break_off(flow, ends);
			return false;
		}
		was_partial = (size_t)n < pipe->len;
		pipe->len -= (size_t)n;
		flow->bytes += (size_t)n;
	}
	return true;
}

/* The pipe is empty, so no byte is lost. */
static bool copy_instead(struct flow *flow, const struct flow_ends *ends, int cause)
{
	note_refusal(ends, cause);
	give_pipe(flow, ends->pipes);
	return copy_once(flow, ends, false);
}

/* Gives the pipe back if it is empty, ends the flow if the source has ended, and ends the bulk
 * transfer after some slow turns. */
static void end_splice_turn(struct flow *flow, const struct flow_ends *ends, size_t moved)
{
	flow->slow_turns = moved < copy_bytes ? flow->slow_turns + 1 : 0;
	if (flow->slow_turns >= SLOW_TURNS) {
		flow->bulk = false;
		flow->full_reads = flow->slow_turns = 0;
	}
	if (flow->pipe->len == 0)
		give_pipe(flow, ends->pipes);
	if (flow->state == FLOW_ENDING)
		flow_drain(flow, ends);
}

/* Each step empties the pipe. If it cannot, the destination is full and the turn is over. So the
 * pipe is empty before each step, and EAGAIN when splicing into the pipe means that the socket is
 * empty. False: as flow_pump. */
static bool splice_turn(struct flow *flow, const struct flow_ends *ends)
{
	size_t moved = 0, most = smaller(turn_bytes, ends->most);

	while (moved < most) {
		ssize_t n = splice_some(stream_fd(ends->from), flow->pipe->in, most - moved);

		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0 && is_refusal(errno))
			return copy_instead(flow, ends, errno);
		if (n < 0)
			return false;
		if (n == 0 && stream_is_lost(ends->from))
			return false;
		if (n == 0) {
			flow->state = FLOW_ENDING;
			break;
		}
		flow->pipe->len += (size_t)n;
		moved += (size_t)n;
		if (!empty_pipe(flow, ends))
			return true;
		/* A short step has most likely emptied the socket. */
		if (flow->pipe->len > 0 || flow->spill.len > 0 || (size_t)n < copy_bytes)
			break;
	}
	end_splice_turn(flow, ends, moved);
	return true;
}

/* ---- copying or splicing ---- */

bool flow_pump(struct flow *flow, const struct flow_ends *ends)
{
	bool is_bulk = flow->bulk || flow->full_reads >= FULL_READS;
	bool splices, is_plain;

	if (!flow_reads(flow) || ends->most == 0)
		return true;
	is_plain = !is_bulk || stream_go_raw(ends->to);
	splices = can_splice(ends);
	flow->bulk = splices && is_bulk && is_plain;
	if (flow->bulk)
		flow->pipe = pipe_pool_take(ends->pipes, loop_now_ms(ends->loop));
	if (flow->pipe)
		return splice_turn(flow, ends);
	/* Bulk without a pipe is copied by long reads. */
	return copy_once(flow, ends, splices && !flow->bulk);
}

bool flow_join(struct flow *flow, const struct flow_ends *ends)
{
	uint8_t *scratch = loop_scratch(ends->loop);
	size_t n;
	enum stream_io io = stream_read(ends->from, scratch, smaller(copy_bytes, ends->most), &n);

	if (io == STREAM_EOF) {
		flow->state = FLOW_ENDING;
		flow->ended_empty = flow->spill.len == flow->own && is_first_and_empty(flow, ends);
	}
	return io != STREAM_ERROR && buf_append(&flow->spill, scratch, n, spill_max);
}

/* Writes the spill as far as the destination takes it. False: the flow is broken. */
static bool drain_spill(struct flow *flow, const struct flow_ends *ends)
{
	size_t n, own;
	bool is_whole = write_some(flow, ends, stream_write, buf_bytes(&flow->spill),
	                           flow->spill.len, &n);

	own = n < flow->own ? n : flow->own;
	flow->own -= own;
	flow->bytes -= own;
	if (is_whole)
		buf_consume(&flow->spill, n);
	return is_whole;
}

void flow_drain(struct flow *flow, const struct flow_ends *ends)
{
	enum stream_io io;

	if (flow->spill.len > 0 && !drain_spill(flow, ends))
		return;
	if (flow->pipe) {
		if (!empty_pipe(flow, ends))
			return;
		if (flow->pipe->len == 0)
			give_pipe(flow, ends->pipes);
	}
	if (flow_holds(flow) || flow->state != FLOW_ENDING)
		return;
	/* The close that follows also ends a bare socket. A transport must write its own end. */
	io = ends->is_last && stream_is_bare(ends->to) ? STREAM_OK : stream_shutdown(ends->to);
	if (io == STREAM_OK)
		flow->state = FLOW_ENDED;
	else if (io == STREAM_ERROR)
		break_off(flow, ends);
}
