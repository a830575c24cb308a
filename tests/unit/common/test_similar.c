#include "similar.h"

#include <string.h>

#include "suite.h"

static const char *const names[] = { "alice", "bob", "carol-of-accounting", "ci", "alicia" };

/* NULL: none is similar. */
static const char *ask(const char *found)
{
	struct similar similar = { .found = found };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		similar_offer(&similar, names[i]);
	return similar.meant;
}

START_TEST(the_nearest_name)
{
	ck_assert_str_eq(ask("alise"), "alice");
	ck_assert_str_eq(ask("alcie"), "alice");
	ck_assert_str_eq(ask("lice"), "alice");
	ck_assert_str_eq(ask("alicja"), "alicia");
	ck_assert_str_eq(ask("bobb"), "bob");
	ck_assert_str_eq(ask("carol_of_acounting"), "carol-of-accounting");
	ck_assert_ptr_null(ask("carl"));
	ck_assert_ptr_null(ask("dave"));
	ck_assert_ptr_null(ask(""));
}
END_TEST

START_TEST(very_long_names)
{
	char found[300], name[300];
	struct similar similar = { .found = found };

	memset(found, 'x', 64);
	memset(name, 'x', sizeof name);
	found[64] = name[64] = '\0';
	name[0] = 'y';
	similar_offer(&similar, name);
	ck_assert_ptr_eq(similar.meant, name);
	similar.meant = NULL;
	name[64] = 'x';
	name[65] = '\0';
	similar_offer(&similar, name);
	ck_assert_ptr_null(similar.meant);
}
END_TEST

START_TEST(the_question)
{
	struct similar similar = { .found = "alise" };
	char text[SIMILAR_TEXT_SIZE];

	ck_assert_str_eq(similar_question(&similar, text), "");
	similar_offer(&similar, "alice");
	ck_assert_str_eq(similar_question(&similar, text), ": did you mean alice?");
}
END_TEST

SUITE("similar", the_nearest_name, very_long_names, the_question)
