#include "wire/frame.h"

#include <string.h>

#include "suite.h"

START_TEST(nothing_is_partial)
{
	size_t len;

	ck_assert_int_eq(frame_next("", 0, &len), FRAME_PARTIAL);
	ck_assert_int_eq(frame_next(NULL, 0, &len), FRAME_PARTIAL);
}
END_TEST

START_TEST(an_empty_frame_is_whole)
{
	size_t len = 99;

	ck_assert_int_eq(frame_next("\0rest", 5, &len), FRAME_WHOLE);
	ck_assert_uint_eq(len, 0);
}
END_TEST

START_TEST(longest_frame_is_256_bytes)
{
	char bytes[FRAME_MAX + 2];
	size_t len = 0;

	memset(bytes, 'x', sizeof bytes);
	bytes[FRAME_MAX] = '\0';
	for (size_t have = 0; have <= FRAME_MAX; have++)
		ck_assert_int_eq(frame_next(bytes, have, &len), FRAME_PARTIAL);
	ck_assert_int_eq(frame_next(bytes, FRAME_MAX + 1, &len), FRAME_WHOLE);
	ck_assert_uint_eq(len, FRAME_MAX);
}
END_TEST

START_TEST(byte_257_must_be_the_end)
{
	char bytes[FRAME_MAX + 2];
	size_t len = 0;

	memset(bytes, 'x', sizeof bytes);
	bytes[FRAME_MAX + 1] = '\0';
	ck_assert_int_eq(frame_next(bytes, FRAME_MAX, &len), FRAME_PARTIAL);
	ck_assert_int_eq(frame_next(bytes, FRAME_MAX + 1, &len), FRAME_TOO_LONG);
	ck_assert_int_eq(frame_next(bytes, FRAME_MAX + 2, &len), FRAME_TOO_LONG);
}
END_TEST

/* Frames of many lengths, one after the other. */
static size_t make_stream(char *bytes, const size_t *lens, size_t n)
{
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < lens[i]; k++)
			bytes[at++] = (char)('a' + (i + k) % 26);
		bytes[at++] = '\0';
	}
	return at;
}

struct reader {
	char kept[2048];
	size_t n_kept, n_frames;
	size_t lens[16];
};

static void feed(struct reader *reader, const char *bytes, size_t n)
{
	size_t len;

	memcpy(reader->kept + reader->n_kept, bytes, n);
	reader->n_kept += n;
	while (frame_next(reader->kept, reader->n_kept, &len) == FRAME_WHOLE) {
		ck_assert_uint_lt(reader->n_frames, 16);
		ck_assert_int_eq(reader->kept[len], '\0');
		reader->lens[reader->n_frames++] = len;
		reader->n_kept -= len + 1;
		memmove(reader->kept, reader->kept + len + 1, reader->n_kept);
	}
}

START_TEST(any_split_gives_the_same_frames)
{
	static const size_t lens[] = { 11, 0, 1, FRAME_MAX, 60, 0, FRAME_MAX - 1, 3 };
	enum { N = sizeof lens / sizeof *lens };
	char bytes[1024];
	size_t total = make_stream(bytes, lens, N);

	for (size_t first = 0; first <= total; first++) {
		for (size_t second = first; second <= total; second += 41) {
			struct reader reader = { .n_frames = 0 };

			feed(&reader, bytes, first);
			feed(&reader, bytes + first, second - first);
			feed(&reader, bytes + second, total - second);
			ck_assert_uint_eq(reader.n_frames, N);
			ck_assert_mem_eq(reader.lens, lens, sizeof lens);
			ck_assert_uint_eq(reader.n_kept, 0);
		}
	}
}
END_TEST

START_TEST(byte_by_byte_gives_the_same_frames)
{
	static const size_t lens[] = { 0, FRAME_MAX, 5 };
	char bytes[1024];
	size_t total = make_stream(bytes, lens, 3);
	struct reader reader = { .n_frames = 0 };

	for (size_t i = 0; i < total; i++)
		feed(&reader, bytes + i, 1);
	ck_assert_uint_eq(reader.n_frames, 3);
	ck_assert_mem_eq(reader.lens, lens, sizeof lens);
}
END_TEST

START_TEST(bytes_after_the_frame_are_ignored)
{
	char bytes[600];
	size_t len = 0;

	memset(bytes, 'x', sizeof bytes);
	memcpy(bytes, "\"Heartbeat\"", 12);
	ck_assert_int_eq(frame_next(bytes, sizeof bytes, &len), FRAME_WHOLE);
	ck_assert_uint_eq(len, 11);
}
END_TEST

SUITE("frame", nothing_is_partial, an_empty_frame_is_whole, longest_frame_is_256_bytes,
      byte_257_must_be_the_end, any_split_gives_the_same_frames, byte_by_byte_gives_the_same_frames,
      bytes_after_the_frame_are_ignored)
