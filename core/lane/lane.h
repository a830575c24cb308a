/* lane - frames around the bytes of one user after another on one connection.
 *
 *      header (4 bytes)          then
 *      DATA  length 1..2^24-1    so many bytes of the user
 *      END                       nothing: this direction of the user has ended
 *      RAW                       plain bytes until the connection ends, which has no other user
 *
 * A header has the kind in its first byte and the length, big-endian, in the others. Each direction
 * is a sequence of DATA, then one END or RAW. A user is over once both directions have ended. Then
 * the owner of the connection may send its own messages, and begin the next user.
 *
 * If one side sends RAW, no other user follows. Then each side also ends its direction of the
 * connection. A side that has sent RAW does this in place of END; a side that has not does it after
 * END. No side sends RAW after the END of the other side has come.
 *
 * Frames are worth their cost for users that send little, since the next user needs no new
 * connection. A user that sends much, or often, gets RAW (lane_go_raw, and after LANE_FRAMES). Then
 * its bytes cost no more than without a lane.
 *
 * The lane keeps no bytes of the user: it reads them into the caller's memory and writes them from
 * there. It neither watches nor closes the connection. [worker] */
#ifndef CORE_LANE_H
#define CORE_LANE_H

#include <spore/transport.h>
#include <stdbool.h>

#include "base/buf.h"

enum { LANE_HEADER = 4, LANE_FRAME_MAX = 0xffffff, LANE_FRAMES = 16 };
/* The most bytes of a visitor that leave before its client has answered (session/offer). */
enum { LANE_FIRST_MOST = 16 * 1024 };

struct lane_in {
	struct buf early; /* bytes that are read before those of the lower stream */
	uint8_t header[LANE_HEADER];
	unsigned n_header; /* bytes of it that have come */
	size_t left;       /* bytes of the user that follow in this frame */
	bool raw, ended;   /* RAW or END has come */
	bool closed;       /* the connection has ended in place of END */
	bool end_told;     /* lane_read has returned the end */
};

struct lane_out {
	struct buf early; /* bytes that leave before the next header */
	bool holds;       /* they leave in one write with it */
	uint8_t header[LANE_HEADER];
	unsigned header_left; /* number of its last bytes that are not written yet */
	size_t left;          /* bytes of the user that the frame still needs */
	unsigned frames;      /* number of DATA frames so far */
	bool owes;            /* a write was refused, and its bytes come again ... */
	bool owes_end;        /* ... with END behind them */
	bool raw, ended;      /* RAW or END has been begun */
	bool shut;            /* this direction of the connection has ended */
};

struct lane {
	spore_stream *lower; /* borrowed */
	bool merges; /* writes a header and the bytes after it from one piece of memory, since the
	              * lower stream makes a record of each piece */
	struct lane_in in;
	struct lane_out out;
};

/* A user begins. Takes the contents of both buffers: bytes that were received already, and bytes
 * that are not framed and leave first. */
void lane_begin(struct lane *lane, spore_stream *lower, bool merges, struct buf *received,
                struct buf *unsent);
/* The unsent bytes of lane_begin wait, and leave in one write with the user's first bytes or with
 * its end. They wait no longer if the peer has sent as much as it sends before it gets them
 * (LANE_FIRST_MOST), or after lane_release. Call it directly after lane_begin. */
void lane_hold(struct lane *lane);
/* True: they were still waiting. */
bool lane_release(struct lane *lane);
/* Frees what the lane holds. */
void lane_fini(struct lane *lane);
/* Ends the use of the lane for this user. Returns the bytes that came after the user's. */
struct buf lane_take_rest(struct lane *lane);

/* Like spore_stream_ops.readv and .writev with one piece. Between two frames, the end of the
 * connection counts as END, but no other user follows; inside a frame it is SPORE_ECLOSED. A wrong
 * header is SPORE_EPROTO. A write may return 0 if only a header left. Bytes
 * that a write did not take must come first in the next one. */
int64_t lane_read(struct lane *lane, void *bytes, size_t len, uint32_t *want);
int64_t lane_write(struct lane *lane, const void *bytes, size_t len, uint32_t *want);
/* The same for the user's last bytes: END leaves in the same write if it can. If all bytes were
 * taken, lane_end comes next. */
int64_t lane_write_last(struct lane *lane, const void *bytes, size_t len, uint32_t *want);
/* Writes the bytes that wait in the lane itself. SPORE_EAGAIN without `want`: the last write was
 * refused, and a transport may insist that it is repeated. So the bytes leave with the next
 * write. */
spore_status lane_flush(struct lane *lane, uint32_t *want);
/* Ends this direction of the user, and that of the connection if no other user follows. All bytes
 * were taken. SPORE_EAGAIN: call it again. */
spore_status lane_end(struct lane *lane, uint32_t *want);
/* From now on the bytes are plain, unless a frame is not complete. */
void lane_go_raw(struct lane *lane);

/* Writes the header of a DATA frame, for a user whose first bytes leave before lane_begin. length:
 * at most LANE_FRAME_MAX. */
void lane_put_data_header(uint8_t header[LANE_HEADER], size_t length);

/* The directions (SPORE_READ, SPORE_WRITE) whose bytes are plain on the lower stream from here. */
uint32_t lane_raw(const struct lane *lane);
/* lane_read may return something without reading from the lower stream. It may also need more,
 * since bytes of the lower stream that wait here may be a part of a header only. */
bool lane_has_input(const struct lane *lane);
/* lane_flush has something to write. */
bool lane_has_output(const struct lane *lane);
/* Both directions have ended in order, so another user may follow. */
bool lane_is_free(const struct lane *lane);

#endif
