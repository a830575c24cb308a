/* Several local ports on one command line. */
#include "expand/ports.h"

#include <string.h>

#include "diag/diag.h"
#include "suite.h"
#include "json/json.h"

static struct port_span span_of(const char *text)
{
	struct port_span span;

	ck_assert_msg(port_span_read(text, &span), "%s", text);
	return span;
}

START_TEST(a_port_or_a_range_is_read)
{
	static const char *const wrong[] = { "",    "0",   "65536", "x",     "8-",       "-8",
		                             "9-8", "1-0", "8--9",  "8-9-1", "1-65536",  " 8",
		                             "8 ",  "+8",  "8,9",   "0-1",   "8000-800x" };
	struct port_span span = span_of("80");

	ck_assert_uint_eq(span.lo, 80);
	ck_assert_uint_eq(span.hi, 80);
	span = span_of("8000-8003");
	ck_assert_uint_eq(span.lo, 8000);
	ck_assert_uint_eq(span.hi, 8003);
	span_of("1-65535");
	span_of("7-7");
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		ck_assert_msg(!port_span_read(wrong[i], &span), "%s", wrong[i]);
}
END_TEST

START_TEST(ports_are_counted_and_are_there_once)
{
	const struct port_span apart[] = { { 80, 80 }, { 82, 90 }, { 81, 81 } };
	const struct port_span inside[] = { { 80, 90 }, { 1, 1 }, { 85, 86 } };
	const struct port_span edge[] = { { 80, 90 }, { 90, 91 } };

	ck_assert_uint_eq(port_spans_count(apart, 3), 11);
	ck_assert_uint_eq(port_spans_count(NULL, 0), 0);
	ck_assert_uint_eq(port_spans_twice(apart, 3), 0);
	ck_assert_uint_eq(port_spans_twice(inside, 3), 85);
	ck_assert_uint_eq(port_spans_twice(edge, 2), 90);
}
END_TEST

static void add_text(struct json_doc *doc, struct json *object, const char *key, const char *text)
{
	json_add(doc, object, key,
	         json_new(doc, JSON_STRING, text, json_source_add(doc, "-l", NULL, 0)));
}

static struct json *tunnels_with(struct json_doc *doc, const char *key, const char *text)
{
	struct json *tunnels = json_new(doc, JSON_ARRAY, NULL, NULL);
	struct json *first = json_new(doc, JSON_OBJECT, NULL, NULL);

	add_text(doc, first, "local_port", "80");
	add_text(doc, first, key, text);
	json_add(doc, tunnels, NULL, first);
	return tunnels;
}

START_TEST(each_port_becomes_a_tunnel_like_the_first)
{
	static const char *const keys[] = { "local_host", "send_proxy" };
	const struct port_span spans[] = { { 80, 81 }, { 443, 443 } };
	struct json_doc *doc = json_doc_new();
	struct json *tunnels = tunnels_with(doc, keys[0], "other");
	struct diag diag = { 0 };
	const char *const ports[] = { "80", "81", "443" };

	add_text(doc, tunnels->first, keys[1], "v2");
	port_spans_expand(doc, tunnels, spans, 2, &diag);
	ck_assert_uint_eq(diag.count, 0);
	ck_assert_uint_eq(tunnels->count, 3);
	for (size_t i = 0; i < 3; i++) {
		const struct json *tunnel = json_child(tunnels, i);

		ck_assert_str_eq(json_get(tunnel, "local_port")->raw, ports[i]);
		ck_assert_str_eq(json_get(tunnel, keys[0])->raw, "other");
		ck_assert_str_eq(json_get(tunnel, keys[1])->raw, "v2");
	}
	json_doc_free(doc);
}
END_TEST

START_TEST(what_belongs_to_one_tunnel_is_refused)
{
	static const char *const keys[] = { "port", "name" };
	const struct port_span span = { 80, 81 };

	for (size_t i = 0; i < 2; i++) {
		struct json_doc *doc = json_doc_new();
		struct json *tunnels = tunnels_with(doc, keys[i], "5");
		struct diag diag = { 0 };

		port_spans_expand(doc, tunnels, &span, 1, &diag);
		ck_assert_uint_eq(diag.count, 1);
		ck_assert_uint_eq(tunnels->count, 1);
		diag_fini(&diag);
		json_doc_free(doc);
	}
}
END_TEST

SUITE("ports", a_port_or_a_range_is_read, ports_are_counted_and_are_there_once,
      each_port_becomes_a_tunnel_like_the_first, what_belongs_to_one_tunnel_is_refused)
