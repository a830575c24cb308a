#include "proof.h"

#include "suite.h"

static struct proof proof;
static char text[PROOF_SIZE + 1];

static void set_up(void)
{
	memset(&proof, 0xA5, sizeof proof);
	proof.name_hash[0] = 0;
	proof_write(&proof, text);
	text[PROOF_SIZE] = '\0';
}

START_TEST(there_and_back)
{
	struct proof back;

	set_up();
	ck_assert_uint_eq(PROOF_SIZE, 145);
	ck_assert_int_eq(strncmp(text, "k1=paWlpaWl", 11), 0);
	ck_assert(text[46] == '.' && text[58] == '.');
	ck_assert(proof_parse(spore_cstr(text), &back));
	ck_assert_mem_eq(&proof, &back, sizeof proof);
}
END_TEST

START_TEST(other_forms)
{
	static const size_t places[] = { 0, 1, 2, 3, 46, 47, 58, 144 };
	struct proof back;

	set_up();
	ck_assert(!proof_parse((spore_str){ NULL, 0 }, &back));
	ck_assert(!proof_parse((spore_str){ text, PROOF_SIZE - 1 }, &back));
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		set_up();
		text[places[i]] = '+';
		ck_assert_msg(!proof_parse(spore_cstr(text), &back), "%zu", places[i]);
	}
	set_up();
	text[46] = 'A'; /* the second point is alone */
	ck_assert(!proof_parse(spore_cstr(text), &back));
}
END_TEST

SUITE("proof", there_and_back, other_forms)
