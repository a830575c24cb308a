#include "http2.h"

#include <nghttp2/nghttp2.h>

#include "routehttp/heads.h"

enum { HEADERS = 1, SETTINGS = 4, WINDOW_UPDATE = 8, CONTINUATION = 9 };

static void add_frame(struct heads_bytes *b, uint8_t type, uint8_t flags, uint32_t stream,
                      const void *body, size_t n)
{
	const uint8_t head[9] = { (uint8_t)(n >> 16),
		                  (uint8_t)(n >> 8),
		                  (uint8_t)n,
		                  type,
		                  flags,
		                  (uint8_t)(stream >> 24),
		                  (uint8_t)(stream >> 16),
		                  (uint8_t)(stream >> 8),
		                  (uint8_t)stream };

	heads_add(b, head, sizeof head);
	heads_add(b, body, n);
}

static void begin(struct heads_bytes *b)
{
	static const uint8_t window[4] = { 0, 1, 0, 0 };

	b->n = 0;
	heads_add(b, HTTP2_PREFACE, HTTP2_PREFACE_SIZE);
	add_frame(b, SETTINGS, 0, 0, "\0\3\0\0\0\x64", 6);
	add_frame(b, WINDOW_UPDATE, 0, 0, window, sizeof window);
}

/* Compresses the fields, given as name, value, name, ..., NULL. */
static size_t compress(const char *const *texts, uint8_t *out, size_t size)
{
	nghttp2_nv fields[16];
	nghttp2_hd_deflater *deflater;
	size_t n = 0;
	ssize_t len;

	for (; texts[2 * n]; n++) {
		fields[n] = (nghttp2_nv){ (uint8_t *)(uintptr_t)texts[2 * n],
			                  (uint8_t *)(uintptr_t)texts[2 * n + 1],
			                  strlen(texts[2 * n]), strlen(texts[2 * n + 1]),
			                  NGHTTP2_NV_FLAG_NONE };
	}
	ck_assert_int_eq(nghttp2_hd_deflate_new(&deflater, 4096), 0);
	len = nghttp2_hd_deflate_hd(deflater, out, size, fields, n);
	nghttp2_hd_deflate_del(deflater);
	ck_assert_int_gt(len, 0);
	return (size_t)len;
}

static struct heads_bytes request(const char *const *texts)
{
	struct heads_bytes b;
	uint8_t block[4096];

	begin(&b);
	add_frame(&b, HEADERS, 0x05, 1, block, compress(texts, block, sizeof block));
	return b;
}

static const char *const usual[] = { ":method",    "GET",           ":scheme", "http",
	                             ":authority", "A.Example:80",  ":path",   "/x/y?z",
	                             "user-agent", "curl/7.88.1-x", NULL };

START_TEST(the_authority_is_read_at_every_split)
{
	struct heads_bytes b = request(usual);

	heads_expect(&b, "a.example", "/x/y");
	heads_add(&b, "more frames", 11);
	heads_expect(&b, "a.example", "/x/y");
}
END_TEST

START_TEST(padding_and_priority_are_skipped)
{
	uint8_t block[4096] = { 3, 0, 0, 0, 0, 16 };
	size_t n = 6 + compress(usual, block + 6, sizeof block - 9);
	struct heads_bytes b;

	begin(&b);
	add_frame(&b, HEADERS, 0x2D, 1, block, n + 3);
	heads_expect(&b, "a.example", "/x/y");
	begin(&b);
	block[0] = 255;
	add_frame(&b, HEADERS, 0x2D, 1, block, 20);
	heads_expect_wrong(&b, "the frame HEADERS is malformed");
}
END_TEST

START_TEST(fields_in_several_frames_are_read)
{
	uint8_t block[4096];
	size_t n = compress(usual, block, sizeof block);
	struct heads_bytes b;

	begin(&b);
	add_frame(&b, HEADERS, 0, 1, block, 1);
	add_frame(&b, CONTINUATION, 0, 1, block + 1, 7);
	add_frame(&b, CONTINUATION, 0, 1, "", 0);
	add_frame(&b, CONTINUATION, 4, 1, block + 8, n - 8);
	heads_expect(&b, "a.example", "/x/y");
	begin(&b);
	add_frame(&b, HEADERS, 0, 1, block, 1);
	add_frame(&b, CONTINUATION, 4, 3, block + 1, n - 1);
	heads_expect_wrong(&b, "expected the rest of the request's fields");
	begin(&b);
	add_frame(&b, HEADERS, 0, 1, block, n);
	add_frame(&b, WINDOW_UPDATE, 0, 0, "\0\0\0\1", 4);
	heads_expect_wrong(&b, "expected the rest of the request's fields");
}
END_TEST

START_TEST(fields_without_an_end_are_wrong)
{
	static const uint8_t zero[1000];
	struct heads_bytes b;
	struct head head;

	begin(&b);
	add_frame(&b, HEADERS, 0, 1, "", 0);
	for (size_t i = 0; i < 17; i++)
		add_frame(&b, CONTINUATION, 0, 1, zero, sizeof zero);
	ck_assert_int_eq(heads_read_first(&b, b.n, &head), HEAD_WRONG);
	ck_assert_str_eq(head.why, "the request's fields are too long");
}
END_TEST

START_TEST(the_field_host_stands_in_for_the_authority)
{
	static const char *const alone[] = { ":method", "GET", ":path", "/", "host", "a", NULL };
	static const char *const none[] = { ":method", "GET", ":path", "*", NULL };
	static const char *const differ[] = { ":authority", "a", "host", "b", NULL };
	static const char *const same[] = { ":authority", "a:80", "host", "A", NULL };
	struct heads_bytes b = request(alone);

	heads_expect(&b, "a", "/");
	b = request(none);
	heads_expect(&b, "", "");
	b = request(differ);
	heads_expect_wrong(&b, "the fields :authority and host differ");
	b = request(same);
	heads_expect(&b, "a", "");
}
END_TEST

START_TEST(a_field_that_comes_twice_is_wrong)
{
	static const char *const authority[] = { ":authority", "a", ":authority", "a", NULL };
	static const char *const host[] = { "host", "a", "host", "a", NULL };
	static const char *const path[] = { ":path", "/a", ":path", "/a", NULL };
	static const char *const malformed[] = { ":authority", "a b", NULL };
	struct heads_bytes b = request(authority);

	heads_expect_wrong(&b, "the field :authority comes twice");
	b = request(host);
	heads_expect_wrong(&b, "the field host comes twice");
	b = request(path);
	heads_expect_wrong(&b, "the field :path comes twice");
	b = request(malformed);
	heads_expect_wrong(&b, "the field :authority is malformed");
}
END_TEST

START_TEST(wrong_frames_are_wrong)
{
	struct heads_bytes b = { .n = 0 };

	heads_add(&b, HTTP2_PREFACE, HTTP2_PREFACE_SIZE);
	add_frame(&b, HEADERS, 4, 1, "\x82", 1);
	heads_expect_wrong(&b, "expected the frame SETTINGS first");
	begin(&b);
	add_frame(&b, CONTINUATION, 4, 1, "\x82", 1);
	heads_expect_wrong(&b, "expected the frame HEADERS");
	begin(&b);
	add_frame(&b, HEADERS, 4, 2, "\x82", 1);
	heads_expect_wrong(&b, "the frame HEADERS is malformed");
	begin(&b);
	heads_add(&b, "\x00\x40\x01\x06\x00\x00\x00\x00\x00", 9);
	heads_expect_wrong(&b, "a frame is too long");
	begin(&b);
	add_frame(&b, HEADERS, 4, 1, "\xff\xff\xff\xff\xff", 5);
	heads_expect_wrong(&b, "the compressed fields are malformed");
	begin(&b);
	add_frame(&b, HEADERS, 4, 1, "\x41\x85", 2); /* cut */
	heads_expect_wrong(&b, "the compressed fields are malformed");
}
END_TEST

SUITE("http2", the_authority_is_read_at_every_split, padding_and_priority_are_skipped,
      fields_in_several_frames_are_read, fields_without_an_end_are_wrong,
      the_field_host_stands_in_for_the_authority, a_field_that_comes_twice_is_wrong,
      wrong_frames_are_wrong)
