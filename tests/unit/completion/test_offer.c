#include "completion/offer.h"

#include <string.h>

#include "scene/offer_scene.h"
#include "suite.h"

static struct offer offer;

static const struct offer_flag *find(const char *name)
{
	for (size_t i = 0; i < offer.n_flags; i++) {
		if (strcmp(offer.flags[i].name, name) == 0)
			return &offer.flags[i];
	}
	ck_abort_msg("there is no flag %s", name);
}

START_TEST(flags_of_a_table)
{
	offer_read(&offer_scene[0], &offer);
	ck_assert_str_eq(offer.command, "unit");
	ck_assert_uint_eq(offer.n_flags, 6); /* with --help */
	ck_assert_int_eq(find("--config")->value, OFFER_FILE);
	ck_assert_int_eq(find("--config")->letter, 'c');
	ck_assert_int_eq(find("--path")->value, OFFER_FOLDER);
	ck_assert(find("--path")->repeats && !find("--config")->repeats);
	ck_assert_str_eq(find("--path")->only_after, "list");
	ck_assert_int_eq(find("--to")->value, OFFER_HOST);
	ck_assert_int_eq(find("--colour")->value, OFFER_CHOICE);
	ck_assert_str_eq(find("--colour")->choices, "red blue");
	ck_assert_int_eq(find("--json")->value, OFFER_NOTHING);
	ck_assert_int_eq(find("--help")->letter, 'h');
}
END_TEST

START_TEST(a_text_is_cut_after_its_first_clause)
{
	offer_read(&offer_scene[0], &offer);
	ck_assert_str_eq(find("--config")->doc, "a file");
	ck_assert_str_eq(find("--colour")->doc, "a colour");
	ck_assert_str_eq(find("--json")->doc, "print JSON");
	ck_assert_str_eq(offer.words[0].doc, "list all");
}
END_TEST

START_TEST(words_and_what_follows_them)
{
	offer_read(&offer_scene[0], &offer);
	ck_assert_uint_eq(offer.n_words, 4);
	ck_assert_int_eq(offer.words[0].value, OFFER_NOTHING);
	ck_assert_int_eq(offer.words[1].value, OFFER_FILE);
	ck_assert_int_eq(offer.words[2].value, OFFER_TEXT);
	ck_assert_str_eq(offer.words[2].operand, "ID");
	ck_assert_int_eq(offer.words[3].value, OFFER_CHOICE);
	ck_assert_str_eq(offer.words[3].choices, "trace debug info warn error");
}
END_TEST

START_TEST(flags_of_a_role)
{
	offer_read(&offer_scene[1], &offer);
	ck_assert_uint_eq(offer.n_words, 0);
	ck_assert_str_eq(offer.operand, "LOCAL_PORT");
	ck_assert_int_eq(find("--to")->letter, 't');
	ck_assert_int_eq(find("--check")->letter, '\0'); /* -t is --to */
	ck_assert_int_eq(find("--log-level")->value, OFFER_CHOICE);
	ck_assert_str_eq(find("--log-format")->choices, "text json");
	ck_assert_int_eq(find("--keyfile")->value, OFFER_FILE);
	ck_assert_int_eq(find("--retry")->value, OFFER_NOTHING);
	ck_assert_ptr_null(find("--retry")->metavar);
}
END_TEST

SUITE("offer", flags_of_a_table, a_text_is_cut_after_its_first_clause, words_and_what_follows_them,
      flags_of_a_role)
