#include "line.h"

#include <math.h>

#include "suite.h"

static const struct line_style folding = { "spore.", LINE_FOLD }, tagging = { "spore.", LINE_TAG };

static void check(const struct line_style *style, const struct line_name *name, double value,
                  char type, const char *expected)
{
	char out[512];
	size_t n = line_write(style, name, value, type, out, sizeof out - 1);

	out[n] = '\0';
	ck_assert_str_eq(out, expected);
}

START_TEST(a_name_has_one_prefix)
{
	const struct line_name ours = { .family = "spore_tunnels" },
			       other = { .family = "tunnels" };
	const struct line_style bare = { "", LINE_FOLD };

	check(&folding, &ours, 3, 'g', "spore.tunnels:3|g");
	check(&folding, &other, 3, 'g', "spore.tunnels:3|g");
	check(&bare, &ours, 3, 'c', "tunnels:3|c");
	check(&tagging, &ours, 3, 'c', "spore.tunnels:3|c");
}
END_TEST

START_TEST(labels_are_folded_or_tags)
{
	const spore_kv labels[] = {
		{ { "plugin", 6 }, { "hmac", 4 } },
		{ { "reason", 6 }, { "", 0 } },
	};
	const struct line_name name = { "spore_failures_total", NULL, labels, 2 };
	const struct line_name sum = { "spore_wait_seconds", "sum", labels, 1 };

	check(&folding, &name, 2, 'c', "spore.failures_total.plugin.hmac.reason._:2|c");
	check(&tagging, &name, 2, 'c', "spore.failures_total:2|c|#plugin:hmac,reason:_");
	check(&folding, &sum, 0.5, 'c', "spore.wait_seconds.plugin.hmac.sum:0.5|c");
	check(&tagging, &sum, 0.5, 'c', "spore.wait_seconds.sum:0.5|c|#plugin:hmac");
}
END_TEST

START_TEST(values_of_labels_separate_nothing)
{
	static const char bytes[] = "a.b:c|d@e,f#g\nh i/j\xC3\xA9\x1B\0Z-_9";
	const spore_kv label = { { "k", 1 }, { bytes, sizeof bytes - 1 } };
	const struct line_name name = { "x", NULL, &label, 1 };

	check(&folding, &name, 1, 'c', "spore.x.k.a_b_c_d_e_f_g_h_i_j____Z-_9:1|c");
	check(&tagging, &name, 1, 'c', "spore.x:1|c|#k:a.b:c_d_e_f_g_h_i/j\xC3\xA9__Z-_9");
}
END_TEST

START_TEST(numbers_are_written_whole)
{
	const struct line_name name = { .family = "x" };
	char out[64];

	check(&folding, &name, 0, 'c', "spore.x:0|c");
	check(&folding, &name, 123456789012345, 'c', "spore.x:123456789012345|c");
	check(&folding, &name, 0.1, 'c', "spore.x:0.1|c");
	check(&folding, &name, -2.5, 'g', "spore.x:-2.5|g");
	ck_assert_uint_eq(line_write(&folding, &name, NAN, 'g', out, sizeof out), 0);
	ck_assert_uint_eq(line_write(&folding, &name, INFINITY, 'g', out, sizeof out), 0);
}
END_TEST

START_TEST(a_line_fits_or_is_none)
{
	static const char whole[] = "spore.x.k.v:1|c";
	const spore_kv label = { { "k", 1 }, { "v", 1 } };
	const struct line_name name = { "x", NULL, &label, 1 };
	char out[sizeof whole];

	for (size_t size = 0; size < sizeof whole - 1; size++)
		ck_assert_uint_eq(line_write(&folding, &name, 1, 'c', out, size), 0);
	ck_assert_uint_eq(line_write(&folding, &name, 1, 'c', out, sizeof whole - 1),
	                  sizeof whole - 1);
	ck_assert_mem_eq(out, whole, sizeof whole - 1);
}
END_TEST

START_TEST(a_prefix_is_made_of_what_names_are_made_of)
{
	ck_assert(line_prefix_is_good("") && line_prefix_is_good("spore.") &&
	          line_prefix_is_good("a-B_9.c."));
	ck_assert(!line_prefix_is_good("a:b") && !line_prefix_is_good("a|") &&
	          !line_prefix_is_good(" "));
	ck_assert(!line_prefix_is_good("\n") && !line_prefix_is_good("\xC3\xA9"));
}
END_TEST

SUITE("line", a_name_has_one_prefix, labels_are_folded_or_tags, values_of_labels_separate_nothing,
      numbers_are_written_whole, a_line_fits_or_is_none, a_prefix_is_made_of_what_names_are_made_of)
