#include "batch.h"

#include "suite.h"

static void add(struct batch *batch, const char *line)
{
	char *room = batch_room(batch);

	ck_assert_ptr_nonnull(room);
	ck_assert_uint_le(strlen(line), batch->datagram_size);
	memcpy(room, line, strlen(line));
	batch_add(batch, strlen(line), NULL, 0);
}

/* The datagrams, each in brackets. */
static void check(size_t size, const char *const *lines, size_t n, const char *expected)
{
	struct batch batch = { .datagram_size = size };
	char joined[256] = "";
	spore_str datagram;

	for (int round = 0; round < 2; round++) {
		batch_clear(&batch);
		joined[0] = '\0';
		for (size_t i = 0; i < n; i++)
			add(&batch, lines[i]);
		for (size_t i = 0; i < batch.n;) {
			i = batch_cut(&batch, i, &datagram);
			ck_assert_uint_le(datagram.len, size);
			strcat(joined, "[");
			strncat(joined, datagram.ptr, datagram.len);
			strcat(joined, "]");
		}
		ck_assert_str_eq(joined, expected);
	}
	batch_fini(&batch);
}

START_TEST(lines_share_datagrams_as_they_fit)
{
	static const char *const lines[] = { "aa", "bb", "cc", "d", "eeeeeeee", "f" };

	check(8, lines, 0, "");
	check(8, lines, 1, "[aa]");
	check(8, lines, 3, "[aa\nbb\ncc]");
	check(8, lines, 6, "[aa\nbb\ncc][d][eeeeeeee][f]");
	check(100, lines, 6, "[aa\nbb\ncc\nd\neeeeeeee\nf]");
	check(9, lines, 4, "[aa\nbb\ncc][d]");
	check(10, lines, 4, "[aa\nbb\ncc\nd]");
}
END_TEST

START_TEST(a_thousand_lines_are_all_there)
{
	struct batch batch = { .datagram_size = 100 };
	double sent[1000] = { 0 };
	spore_str datagram;
	size_t n = 0;

	for (size_t i = 0; i < 1000; i++) {
		memset(batch_room(&batch), 'x', 1 + i % 100);
		batch_add(&batch, 1 + i % 100, &sent[i], (double)i);
	}
	for (size_t i = 0, next; i < batch.n; i = next) {
		next = batch_cut(&batch, i, &datagram);
		for (; i < next; i++, n++) {
			ck_assert_ptr_eq(batch.lines[i].sent, &sent[n]);
			ck_assert(batch.lines[i].now == (double)n);
			ck_assert_uint_eq(batch.lines[i].end - batch.lines[i].start, 1 + n % 100);
			ck_assert_int_eq(batch.text[batch.lines[i].end], '\n');
		}
		ck_assert_ptr_eq(datagram.ptr + datagram.len,
		                 batch.text + batch.lines[next - 1].end);
	}
	ck_assert_uint_eq(n, 1000);
	batch_fini(&batch);
}
END_TEST

SUITE("batch", lines_share_datagrams_as_they_fit, a_thousand_lines_are_all_there)
