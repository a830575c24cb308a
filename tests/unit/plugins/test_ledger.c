#include "ledger.h"

#include <stdio.h>

#include "suite.h"

enum { MANY = 5000 };

START_TEST(an_entry_is_kept)
{
	struct ledger *ledger = ledger_new();
	const struct line_name name = { .family = "a" };
	double *entry = ledger_entry(ledger, &name);

	ck_assert_ptr_nonnull(entry);
	ck_assert(*entry == 0);
	*entry = 5;
	ck_assert_ptr_eq(ledger_entry(ledger, &name), entry);
	ck_assert(*entry == 5);
	ledger_release(ledger);
	ledger_release(NULL);
}
END_TEST

/* What is joined in another way is another one; the values of labels are taken as they are. */
START_TEST(each_series_has_its_own)
{
	static const spore_kv ab[] = { { { "x", 1 }, { "a", 1 } }, { { "y", 1 }, { "b", 1 } } };
	static const spore_kv empty[] = { { { "x", 1 }, { "", 0 } }, { { "y", 1 }, { "ab", 2 } } };
	static const spore_kv dot[] = { { { "x", 1 }, { ".", 1 } } },
			      colon[] = { { { "x", 1 }, { ":", 1 } } };
	const struct line_name names[] = {
		{ "f", NULL, NULL, 0 },  { "fa", NULL, NULL, 0 }, { "f", "count", NULL, 0 },
		{ "f", "sum", NULL, 0 }, { "f", NULL, ab, 1 },    { "f", NULL, ab, 2 },
		{ "f", NULL, empty, 2 }, { "f", NULL, empty, 1 }, { "f", NULL, dot, 1 },
		{ "f", NULL, colon, 1 },
	};
	enum { N = sizeof names / sizeof *names };
	struct ledger *ledger = ledger_new();
	double *entries[N];

	for (size_t i = 0; i < N; i++)
		*(entries[i] = ledger_entry(ledger, &names[i])) = (double)i + 1;
	for (size_t i = 0; i < N; i++) {
		ck_assert_ptr_eq(ledger_entry(ledger, &names[i]), entries[i]);
		ck_assert(*entries[i] == (double)i + 1);
	}
	ledger_release(ledger);
}
END_TEST

START_TEST(many_are_kept)
{
	struct ledger *ledger = ledger_new();
	char text[256];

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < MANY; i++) {
			const spore_kv label = { { "k", 1 },
				                 { text, (size_t)snprintf(text, sizeof text, "%0*d",
				                                          i % 200 + 1, i) } };
			double *entry = ledger_entry(ledger,
			                             &(struct line_name){ "f", NULL, &label, 1 });

			ck_assert_ptr_nonnull(entry);
			ck_assert(*entry == (round ? i : 0));
			*entry = i;
		}
	}
	ledger_release(ledger);
}
END_TEST

SUITE("ledger", an_entry_is_kept, each_series_has_its_own, many_are_kept)
