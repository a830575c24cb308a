#include "cover.h"

#include <stdio.h>

#include "net/addr.h"
#include "suite.h"

enum { MAX_PREFIXES = 16 };

/* Takes "10.0.0.0/8 ::/0". */
static spore_list list_of(const char *line, spore_cidr prefixes[MAX_PREFIXES])
{
	spore_list list = { prefixes, 0, sizeof *prefixes };
	char copy[256], *words = copy;

	snprintf(copy, sizeof copy, "%s", line);
	for (char *word; (word = strsep(&words, " ")) != NULL;) {
		if (*word)
			ck_assert_msg(addr_parse_cidr(word, &prefixes[list.count++]), "%s", word);
	}
	return list;
}

static void check(const char *allow, const char *deny, int denies_outside, int all4, int all6)
{
	spore_cidr allowed[MAX_PREFIXES], denied[MAX_PREFIXES];
	spore_list allows = list_of(allow, allowed), denies = list_of(deny, denied);
	struct cover_lists lists = { &allows, &denies, denies_outside };

	ck_assert_int_eq(cover_denies_all(&lists, 4), all4);
	ck_assert_int_eq(cover_denies_all(&lists, 6), all6);
}

START_TEST(lists_that_deny_everybody)
{
	check("", "", 1, 1, 1);
	check("", "0.0.0.0/0 ::/0", 0, 1, 1);
	check("", "0.0.0.0/1 128.0.0.0/1 ::/1 8000::/1", 0, 1, 1);
	check("10.0.0.0/8", "10.0.0.0/9 10.128.0.0/9", 1, 1, 1);
	check("10.0.0.0/8 2001:db8::/32", "10.0.0.0/8 2001:db8::/32", 1, 1, 1);
	check("255.255.255.255 ffff::/16", "255.255.255.255 ffff::/16", 1, 1, 1);
	check("", "::ffff:0:0/96", 0, 1, 0); /* as 0.0.0.0/0 */
}
END_TEST

START_TEST(lists_that_let_somebody_in)
{
	check("", "", 0, 0, 0);
	check("", "0.0.0.0/0", 0, 1, 0);
	check("", "::/0", 0, 0, 1);
	check("10.0.0.0/8", "0.0.0.0/0 ::/0", 0, 0, 1);
	check("10.0.0.0/8", "10.0.0.0/9", 1, 0, 1);
	check("255.255.255.255", "0.0.0.0/0 ::/0", 0, 0, 1);
	check("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "0.0.0.0/0 ::/0", 0, 1, 0);
	check("0.0.0.0 ::", "0.0.0.0/0 ::/0", 0, 0, 0);
	check("", "0.0.0.0/1 128.0.0.0/2 192.0.0.0/3 ::/1", 0, 0, 0);
}
END_TEST

START_TEST(families_are_named)
{
	spore_cidr prefixes[MAX_PREFIXES];
	spore_list none = { NULL, 0, sizeof *prefixes }, some = list_of("10.0.0.0/8", prefixes);
	struct cover_lists lists = { &none, &some, 0 };

	ck_assert_int_eq(cover_names(&lists, 4), 1);
	ck_assert_int_eq(cover_names(&lists, 6), 0);
	some = list_of("::/0", prefixes);
	ck_assert_int_eq(cover_names(&lists, 4), 0);
	ck_assert_int_eq(cover_names(&lists, 6), 1);
}
END_TEST

SUITE("cover", lists_that_deny_everybody, lists_that_let_somebody_in, families_are_named)
