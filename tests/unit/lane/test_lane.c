#include "lane/lane.h"

#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "suite.h"

/* A connection in memory: what one lane writes, another one reads. It takes and gives as many bytes
 * at a time as a test allows. */
struct line {
	spore_stream base;
	uint8_t bytes[1 << 17];
	size_t put, got;     /* bytes written and read so far */
	size_t step;         /* bytes per call */
	unsigned writes;     /* calls */
	uint32_t most_parts; /* pieces of a call */
	bool is_shut;
};

static struct line *line_of(spore_stream *base)
{
	return CONTAINER_OF(base, struct line, base);
}

static int64_t line_readv(spore_stream *base, const spore_iov *iov, uint32_t n, uint32_t *want)
{
	struct line *line = line_of(base);
	size_t left = line->step, all = 0;

	if (line->got == line->put && line->is_shut)
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		size_t part = iov[i].len < left ? iov[i].len : left;

		part = part < line->put - line->got ? part : line->put - line->got;
		memcpy(iov[i].base, line->bytes + line->got, part);
		line->got += part;
		left -= part;
		all += part;
	}
	*want = SPORE_READ;
	return all ? (int64_t)all : SPORE_EAGAIN;
}

static int64_t line_writev(spore_stream *base, const spore_iov *iov, uint32_t n, uint32_t *want)
{
	struct line *line = line_of(base);
	size_t left = line->step, all = 0;

	line->writes++;
	line->most_parts = n > line->most_parts ? n : line->most_parts;
	for (uint32_t i = 0; i < n; i++) {
		size_t part = iov[i].len < left ? iov[i].len : left;

		ck_assert_uint_le(line->put + part, sizeof line->bytes);
		memcpy(line->bytes + line->put, iov[i].base, part);
		line->put += part;
		left -= part;
		all += part;
	}
	*want = SPORE_WRITE;
	return all ? (int64_t)all : SPORE_EAGAIN;
}

static spore_status line_shutdown(spore_stream *base, uint32_t *want)
{
	(void)want;
	line_of(base)->is_shut = true;
	return SPORE_OK;
}

static const spore_stream_ops line_ops = { .struct_size = sizeof(spore_stream_ops),
	                                   .readv = line_readv,
	                                   .writev = line_writev,
	                                   .shutdown = line_shutdown };

static struct line the_line;

/* Both ends of one direction. */
static struct lane near, far;

static void open_lanes(size_t step, bool merges)
{
	struct buf none = { 0 };

	the_line = (struct line){ .base.ops = &line_ops, .step = step };
	lane_begin(&near, &the_line.base, merges, &none, &none);
	lane_begin(&far, &the_line.base, merges, &none, &none);
}

static void close_lanes(void)
{
	lane_fini(&near);
	lane_fini(&far);
}

static void write_all(const char *bytes, size_t len)
{
	uint32_t want;

	while (len > 0) {
		int64_t n = lane_write(&near, bytes, len, &want);

		ck_assert_int_ge(n, 0);
		bytes += n;
		len -= (size_t)n;
	}
}

/* Reads until there is nothing; returns the last result. */
static int64_t read_all(char *out, size_t size, size_t *len_out)
{
	uint32_t want;
	int64_t n;

	*len_out = 0;
	do {
		n = lane_read(&far, out + *len_out, size - *len_out, &want);
		if (n > 0)
			*len_out += (size_t)n;
	} while (n > 0);
	return n;
}

static void end_all(void)
{
	spore_status status;
	uint32_t want;

	do {
		status = lane_end(&near, &want);
	} while (status == SPORE_EAGAIN);
	ck_assert_int_eq(status, SPORE_OK);
}

static void feed(const char *bytes, size_t len)
{
	memcpy(the_line.bytes, bytes, len);
	the_line.put = len;
}

/* ---- the format ---- */

START_TEST(frames_are_as_documented)
{
	struct buf none = { 0 }, unsent = { 0 };
	uint32_t want;

	open_lanes(SIZE_MAX, false);
	ck_assert(buf_append(&unsent, "hello", 5, 64));
	lane_begin(&near, &the_line.base, false, &none, &unsent);
	ck_assert(lane_has_output(&near));
	write_all("abc", 3);
	ck_assert_uint_eq(the_line.writes, 1); /* one call for all of it */
	ck_assert_int_eq(lane_end(&near, &want), SPORE_OK);
	ck_assert_uint_eq(the_line.put, 5 + 4 + 3 + 4);
	ck_assert_mem_eq(the_line.bytes, "hello\1\0\0\3abc\2\0\0\0", 16);
	ck_assert(!lane_has_output(&near));
	close_lanes();
}
END_TEST

static void open_held(bool merges)
{
	struct buf none = { 0 }, unsent = { 0 };

	open_lanes(SIZE_MAX, merges);
	ck_assert(buf_append(&unsent, "hello", 5, 64));
	lane_begin(&near, &the_line.base, merges, &none, &unsent);
	lane_hold(&near);
	ck_assert(!lane_has_output(&near));
}

/* Whatever the user sends first: bytes, its end, or that it sends much. */
START_TEST(what_is_held_leaves_in_one_write_with_what_comes_first)
{
	static const char *const kinds[] = { "hello\1\0\0\3abc", "hello\2\0\0\0", "hello\3\0\0\0" };
	uint32_t want;

	for (int i = 0; i < 6; i++) {
		open_held(i >= 3);
		ck_assert_int_eq(lane_flush(&near, &want), SPORE_OK);
		ck_assert_uint_eq(the_line.put, 0);
		if (i % 3 == 0) {
			write_all("abc", 3);
		} else if (i % 3 == 1) {
			ck_assert_int_eq(lane_end(&near, &want), SPORE_OK);
		} else {
			lane_go_raw(&near);
			ck_assert_int_eq(lane_flush(&near, &want), SPORE_OK);
		}
		ck_assert_uint_eq(the_line.writes, 1);
		ck_assert_uint_eq(the_line.put, i % 3 ? 9 : 12);
		ck_assert_mem_eq(the_line.bytes, kinds[i % 3], the_line.put);
		ck_assert(!lane_has_output(&near));
		close_lanes();
	}
}
END_TEST

/* The user's end leaves with its last bytes, and both with what is held. */
START_TEST(an_end_leaves_in_one_write_with_the_last_bytes)
{
	uint32_t want;

	for (int i = 0; i < 2; i++) {
		open_held(i == 1);
		ck_assert_int_eq(lane_write_last(&near, "abc", 3, &want), 3);
		ck_assert_int_eq(lane_end(&near, &want), SPORE_OK);
		ck_assert_uint_eq(the_line.writes, 1);
		ck_assert_uint_eq(the_line.put, 16);
		ck_assert_mem_eq(the_line.bytes, "hello\1\0\0\3abc\2\0\0\0", 16);
		ck_assert(!lane_has_output(&near));
		close_lanes();
	}
}
END_TEST

START_TEST(an_end_behind_the_last_bytes_survives_short_writes)
{
	for (size_t step = 1; step < 12; step++) {
		const char *text = "abc";
		uint32_t want;
		char got[8];
		size_t n;

		open_lanes(step, step % 2 == 1);
		while (*text)
			text += lane_write_last(&near, text, strlen(text), &want);
		end_all();
		ck_assert_uint_eq(the_line.put, 11);
		ck_assert_int_eq(read_all(got, sizeof got, &n), 0);
		ck_assert_uint_eq(n, 3);
		ck_assert_mem_eq(got, "abc", 3);
		close_lanes();
	}
}
END_TEST

/* The bytes of a refused write wait with others that are not known to be the last. */
START_TEST(a_refused_write_with_an_end_is_repeated_as_it_was)
{
	uint32_t want;

	open_lanes(0, true);
	ck_assert_int_eq(lane_write_last(&near, "abc", 3, &want), SPORE_EAGAIN);
	the_line.step = SIZE_MAX;
	ck_assert_int_eq(lane_write(&near, "abc", 3, &want), 3);
	ck_assert_uint_eq(the_line.put, 11);
	ck_assert_int_eq(lane_end(&near, &want), SPORE_OK);
	ck_assert_uint_eq(the_line.put, 11);
	close_lanes();
}
END_TEST

START_TEST(no_end_leaves_behind_plain_bytes)
{
	uint32_t want;

	open_lanes(SIZE_MAX, false);
	lane_go_raw(&near);
	ck_assert_int_eq(lane_write_last(&near, "abc", 3, &want), 3);
	ck_assert_mem_eq(the_line.bytes, "\3\0\0\0abc", 7);
	ck_assert_uint_eq(the_line.put, 7);
	close_lanes();
}
END_TEST

START_TEST(what_is_held_leaves_before_if_it_is_released)
{
	uint32_t want;

	open_held(false);
	lane_release(&near);
	ck_assert(lane_has_output(&near));
	ck_assert_int_eq(lane_flush(&near, &want), SPORE_OK);
	ck_assert_uint_eq(the_line.put, 5);
	write_all("abc", 3);
	ck_assert_mem_eq(the_line.bytes, "hello\1\0\0\3abc", 12);
	close_lanes();
}
END_TEST

/* A peer that has sent all that it may waits for what is held. One that has sent less does not. */
START_TEST(what_is_held_leaves_once_the_peer_may_send_no_more)
{
	for (size_t i = 0; i < 2; i++) {
		uint8_t header[LANE_HEADER];
		struct line other = { .base.ops = &line_ops, .step = SIZE_MAX };
		char bytes[16];
		uint32_t want;

		open_held(false);
		near.lower = &other.base;
		lane_put_data_header(header, LANE_FIRST_MOST - i);
		memcpy(other.bytes, header, sizeof header);
		other.put = LANE_HEADER + 1;
		ck_assert_int_eq(lane_read(&near, bytes, sizeof bytes, &want), 1);
		ck_assert_int_eq(lane_has_output(&near), i == 0);
		close_lanes();
	}
}
END_TEST

START_TEST(what_is_held_survives_short_and_refused_writes)
{
	uint32_t want;

	open_held(true);
	the_line.step = 0;
	ck_assert_int_eq(lane_write(&near, "abc", 3, &want), SPORE_EAGAIN);
	lane_release(&near);
	ck_assert_int_eq(lane_flush(&near, &want), SPORE_EAGAIN);
	ck_assert_uint_eq(want, 0);
	the_line.step = 1;
	write_all("abc", 3);
	while (lane_has_output(&near))
		lane_flush(&near, &want);
	ck_assert_mem_eq(the_line.bytes, "hello\1\0\0\3abc", 12);
	close_lanes();
}
END_TEST

START_TEST(bytes_are_plain_behind_raw)
{
	uint32_t want;

	open_lanes(SIZE_MAX, false);
	write_all("ab", 2);
	lane_go_raw(&near);
	lane_go_raw(&near); /* once is enough */
	ck_assert_uint_eq(lane_raw(&near), 0);
	write_all("cd", 2);
	ck_assert_uint_eq(lane_raw(&near), SPORE_WRITE);
	ck_assert_mem_eq(the_line.bytes, "\1\0\0\2ab\3\0\0\0cd", 12);
	ck_assert_int_eq(lane_end(&near, &want), SPORE_OK);
	ck_assert_uint_eq(the_line.put, 12);
	ck_assert(the_line.is_shut);
	ck_assert(!lane_is_free(&near));
	close_lanes();
}
END_TEST

START_TEST(the_connection_ends_with_the_user_if_the_peer_has_sent_raw)
{
	uint32_t want;
	char got[8];
	size_t len;

	open_lanes(SIZE_MAX, false);
	feed("\3\0\0\0ab", 6);
	ck_assert_int_eq(read_all(got, sizeof got, &len), SPORE_EAGAIN);
	ck_assert_int_eq(lane_end(&far, &want), SPORE_OK);
	ck_assert_mem_eq(the_line.bytes + 6, "\2\0\0\0", 4);
	ck_assert(the_line.is_shut);
	close_lanes();
}
END_TEST

START_TEST(who_sends_often_gets_raw)
{
	open_lanes(SIZE_MAX, false);
	for (int i = 0; i < LANE_FRAMES; i++)
		write_all("x", 1);
	ck_assert_uint_eq(lane_raw(&near), 0);
	write_all("x", 1);
	ck_assert_uint_eq(lane_raw(&near), SPORE_WRITE);
	ck_assert_uint_eq(the_line.put, 5 * LANE_FRAMES + 5);
	close_lanes();
}
END_TEST

/* As OpenSSL does: after a refused write the same bytes must come, and no fewer. */
START_TEST(a_refused_write_is_repeated_as_it_was)
{
	uint32_t want = SPORE_WRITE;

	open_lanes(SIZE_MAX, true);
	the_line.step = 0;
	ck_assert_int_eq(lane_write(&near, "abc", 3, &want), SPORE_EAGAIN);
	ck_assert_uint_eq(the_line.writes, 1);
	ck_assert_int_eq(lane_flush(&near, &want), SPORE_EAGAIN);
	ck_assert_uint_eq(want, 0);
	ck_assert_uint_eq(the_line.writes, 1);
	the_line.step = SIZE_MAX;
	write_all("abc", 3);
	ck_assert_mem_eq(the_line.bytes, "\1\0\0\3abc", 7);
	close_lanes();
}
END_TEST

START_TEST(merged_writes_are_one_piece)
{
	open_lanes(SIZE_MAX, true);
	write_all("abc", 3);
	ck_assert_uint_eq(the_line.most_parts, 1);
	ck_assert_uint_eq(the_line.writes, 1);
	ck_assert_mem_eq(the_line.bytes, "\1\0\0\3abc", 7);
	close_lanes();
}
END_TEST

/* ---- reading ---- */

static const struct {
	const char *bytes;
	size_t len;
	int64_t result; /* of the last read */
	const char *user;
} readings[] = {
	{ "", 0, SPORE_EAGAIN, "" },
	{ "\1\0\0", 3, SPORE_EAGAIN, "" },
	{ "\1\0\0\2ab", 6, SPORE_EAGAIN, "ab" },
	{ "\1\0\0\2a", 5, SPORE_EAGAIN, "a" },
	{ "\1\0\0\1a\1\0\0\1b\2\0\0\0", 14, 0, "ab" },
	{ "\2\0\0\0", 4, 0, "" },
	{ "\3\0\0\0\1\0\0\1", 8, SPORE_EAGAIN, "\1" }, /* a NUL ends the text */
	{ "\0\0\0\0", 4, SPORE_EPROTO, "" },
	{ "\4\0\0\1", 4, SPORE_EPROTO, "" },
	{ "\1\0\0\0", 4, SPORE_EPROTO, "" },
	{ "\2\0\0\1", 4, SPORE_EPROTO, "" },
	{ "\3\1\0\0", 4, SPORE_EPROTO, "" },
	{ "{\"Error\":", 9, SPORE_EPROTO, "" },
};

static void read_what_comes(size_t i, size_t step)
{
	char got[64];
	size_t len;

	open_lanes(step, false);
	feed(readings[i].bytes, readings[i].len);
	ck_assert_int_eq(read_all(got, sizeof got, &len), readings[i].result);
	got[len] = '\0';
	ck_assert_str_eq(got, readings[i].user);
	close_lanes();
}

START_TEST(what_comes_is_read_or_refused)
{
	for (size_t i = 0; i < sizeof readings / sizeof *readings; i++) {
		for (size_t step = 1; step < 20; step++)
			read_what_comes(i, step);
	}
}
END_TEST

/* Whole frames may be followed by the end of the connection, others not. */
static const struct {
	const char *bytes;
	size_t len;
	int64_t result;
} cuts[] = {
	{ "", 0, 0 },
	{ "\1\0\0\1a", 5, 0 },
	{ "\3\0\0\0abc", 7, 0 },
	{ "\1\0", 2, SPORE_ECLOSED },
	{ "\1\0\0\2a", 5, SPORE_ECLOSED },
	{ "\1\0\0\2", 4, SPORE_ECLOSED },
};

START_TEST(an_end_inside_a_frame_is_no_end_of_the_user)
{
	uint32_t want;
	char got[64];
	size_t len;

	for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
		open_lanes(SIZE_MAX, false);
		feed(cuts[i].bytes, cuts[i].len);
		the_line.is_shut = true;
		ck_assert_int_eq(read_all(got, sizeof got, &len), cuts[i].result);
		ck_assert_int_eq(lane_end(&far, &want), SPORE_OK);
		ck_assert(!lane_is_free(&far));
		close_lanes();
	}
}
END_TEST

START_TEST(bytes_that_came_early_are_read_first)
{
	struct buf early = { 0 }, none = { 0 };
	char got[64] = "";
	size_t len;

	open_lanes(SIZE_MAX, false);
	ck_assert(buf_append(&early, "\1\0\0\3a", 5, 64));
	lane_begin(&far, &the_line.base, false, &early, &none);
	ck_assert(lane_has_input(&far));
	feed("bc\2\0\0\0", 6);
	ck_assert_int_eq(read_all(got, sizeof got, &len), 0);
	ck_assert_uint_eq(len, 3);
	ck_assert_mem_eq(got, "abc", 3);
	ck_assert(!lane_has_input(&far));
	close_lanes();
}
END_TEST

START_TEST(bytes_behind_the_user_are_kept_for_the_owner)
{
	for (size_t step = 1; step < 20; step++) {
		struct buf early = { 0 }, none = { 0 }, rest;
		uint32_t want;
		char got[64];
		size_t len;

		/* In both: what came early, and what comes now. */
		open_lanes(step, false);
		ck_assert(buf_append(&early, "\1\0\0\1a\2\0\0\0next", 13, 64));
		lane_begin(&far, &the_line.base, false, step % 2 ? &early : &none, &none);
		if (step % 2 == 0)
			feed("\1\0\0\1a\2\0\0\0next", 13);
		ck_assert_int_eq(lane_read(&far, got, 1, &want), 1);
		ck_assert_int_eq(read_all(got, sizeof got, &len), 0);
		ck_assert_uint_eq(len, 0);
		ck_assert(!lane_is_free(&far));
		ck_assert_int_eq(lane_end(&far, &want) == SPORE_EAGAIN, false);
		while (lane_has_output(&far))
			lane_flush(&far, &want);
		ck_assert(lane_is_free(&far));
		rest = lane_take_rest(&far);
		ck_assert_uint_le(rest.len, 4);
		ck_assert_mem_eq("next", rest.len ? buf_bytes(&rest) : (const uint8_t *)"",
		                 rest.len);
		if (step % 2)
			ck_assert_uint_eq(rest.len, 4);
		buf_fini(&rest);
		buf_fini(&early);
		close_lanes();
	}
}
END_TEST

/* ---- both ---- */

static unsigned next_number(unsigned *seed, unsigned below)
{
	*seed = *seed * 1103515245 + 12345;
	return (*seed >> 8) % below;
}

/* Writes of every size, reads of every size, and a connection that takes and gives little at a
 * time. */
static void carry_bytes(unsigned number)
{
	static char sent[20000], got[sizeof sent + 900]; /* a read may use all that it is given */
	unsigned seed = number;
	size_t at = 0, len = 0;
	int64_t n = SPORE_EAGAIN;
	uint32_t want;

	for (size_t i = 0; i < sizeof sent; i++)
		sent[i] = (char)next_number(&seed, 256);
	open_lanes(1 + next_number(&seed, 50), number % 2);
	while (at < sizeof sent) {
		size_t part = 1 + next_number(&seed, 700);

		part = part < sizeof sent - at ? part : sizeof sent - at;
		write_all(sent + at, part);
		at += part;
		if (number % 3 == 0 && at > sizeof sent / 2)
			lane_go_raw(&near);
		the_line.step = 1 + next_number(&seed, 50);
		n = lane_read(&far, got + len, 1 + next_number(&seed, 900), &want);
		len += n > 0 ? (size_t)n : 0;
		ck_assert(n > 0 || n == SPORE_EAGAIN);
	}
	end_all();
	while (n != 0) {
		n = lane_read(&far, got + len, 1 + next_number(&seed, 900), &want);
		ck_assert_int_ge(n, 0);
		len += (size_t)n;
	}
	ck_assert_uint_eq(len, sizeof sent);
	ck_assert_mem_eq(got, sent, sizeof sent);
	close_lanes();
}

START_TEST(every_byte_arrives_in_order)
{
	for (unsigned number = 0; number < 30; number++)
		carry_bytes(number);
}
END_TEST

/* The first bytes of a user may leave before its lane begins. */
START_TEST(a_header_that_is_written_by_hand_is_the_lanes)
{
	static const size_t lengths[] = { 1, 0x1234, LANE_FRAME_MAX };
	static const char *const headers[] = { "\1\0\0\1", "\1\0\x12\x34", "\1\xff\xff\xff" };
	uint8_t header[LANE_HEADER];
	struct buf received = { 0 }, none = { 0 };
	char text[8];
	size_t len;

	for (size_t i = 0; i < 3; i++) {
		lane_put_data_header(header, lengths[i]);
		ck_assert_mem_eq(header, headers[i], LANE_HEADER);
	}
	open_lanes(SIZE_MAX, false);
	lane_put_data_header(header, 2);
	ck_assert(buf_append(&received, header, LANE_HEADER, 64));
	ck_assert(buf_append(&received, "ab", 2, 64));
	lane_begin(&far, &the_line.base, false, &received, &none);
	write_all("cd", 2);
	ck_assert_int_eq(read_all(text, sizeof text, &len), SPORE_EAGAIN);
	ck_assert_uint_eq(len, 4);
	ck_assert_mem_eq(text, "abcd", 4);
	close_lanes();
}
END_TEST

/* A transport may insist that a refused write is repeated as it was: through the lane. */
START_TEST(bytes_are_not_plain_before_a_refused_write_has_left)
{
	uint32_t want;

	open_lanes(SIZE_MAX, true);
	lane_go_raw(&near);
	the_line.step = 0;
	ck_assert_int_eq(lane_write(&near, "abc", 3, &want), SPORE_EAGAIN);
	ck_assert_uint_eq(lane_raw(&near), 0);
	the_line.step = LANE_HEADER;
	ck_assert_int_eq(lane_write(&near, "abc", 3, &want), 0);
	the_line.step = 0;
	ck_assert_int_eq(lane_write(&near, "abc", 3, &want), SPORE_EAGAIN);
	ck_assert_uint_eq(lane_raw(&near), 0);
	the_line.step = SIZE_MAX;
	write_all("abc", 3);
	ck_assert_uint_eq(lane_raw(&near), SPORE_WRITE);
	ck_assert_mem_eq(the_line.bytes, "\3\0\0\0abc", 7);
	close_lanes();
}
END_TEST

SUITE("lane", an_end_leaves_in_one_write_with_the_last_bytes,
      an_end_behind_the_last_bytes_survives_short_writes,
      a_refused_write_with_an_end_is_repeated_as_it_was, no_end_leaves_behind_plain_bytes,
      what_is_held_leaves_in_one_write_with_what_comes_first,
      what_is_held_leaves_before_if_it_is_released,
      what_is_held_leaves_once_the_peer_may_send_no_more,
      what_is_held_survives_short_and_refused_writes,
      the_connection_ends_with_the_user_if_the_peer_has_sent_raw, frames_are_as_documented,
      bytes_are_plain_behind_raw, who_sends_often_gets_raw, merged_writes_are_one_piece,
      a_refused_write_is_repeated_as_it_was, what_comes_is_read_or_refused,
      an_end_inside_a_frame_is_no_end_of_the_user, every_byte_arrives_in_order,
      bytes_that_came_early_are_read_first, bytes_behind_the_user_are_kept_for_the_owner,
      a_header_that_is_written_by_hand_is_the_lanes,
      bytes_are_not_plain_before_a_refused_write_has_left)
