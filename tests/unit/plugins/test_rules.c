#include "rules.h"

#include <stdio.h>
#include <stdlib.h>

#include "net/addr.h"
#include "suite.h"

enum { MAX_RULES = 16 };

/* Takes "10.0.0.0/8 ::/0". */
static struct rules *rules_of(const char *line)
{
	spore_cidr prefixes[MAX_RULES];
	struct rules *rules;
	char copy[256], *words = copy;
	size_t n = 0;

	snprintf(copy, sizeof copy, "%s", line);
	for (char *word; (word = strsep(&words, " ")) != NULL;) {
		if (*word)
			ck_assert_msg(addr_parse_cidr(word, &prefixes[n++]), "%s", word);
	}
	rules = rules_new(prefixes, n);
	ck_assert_ptr_nonnull(rules);
	return rules;
}

/* expected: the text of the rule; "": no rule. */
static void check(const struct rules *rules, const char *text, const char *expected)
{
	char found[RULE_TEXT_SIZE] = "";
	const spore_cidr *rule;
	spore_addr addr;

	ck_assert(addr_parse_ip(text, &addr));
	rule = rules_find(rules, addr.ip);
	if (rule)
		rule_print(rule, found);
	ck_assert_str_eq(found, expected);
}

START_TEST(without_rules_nothing_is_found)
{
	struct rules *rules = rules_of("");

	check(rules, "10.0.0.1", "");
	check(rules, "::", "");
	rules_free(rules);
	rules_free(NULL);
}
END_TEST

START_TEST(the_longest_rule_is_found)
{
	struct rules *rules = rules_of("10.0.0.0/8 10.1.0.0/16 10.1.2.0/23 10.1.3.4 192.0.2.0/25 "
	                               "10.2.0.0/16");

	check(rules, "10.9.9.9", "10.0.0.0/8");
	check(rules, "10.1.255.255", "10.1.0.0/16");
	check(rules, "10.1.3.255", "10.1.2.0/23");
	check(rules, "10.1.3.4", "10.1.3.4/32");
	check(rules, "10.2.0.0", "10.2.0.0/16");
	check(rules, "192.0.2.127", "192.0.2.0/25");
	check(rules, "192.0.2.128", "");
	check(rules, "11.0.0.0", "");
	rules_free(rules);
}
END_TEST

START_TEST(families_are_separate)
{
	struct rules *rules = rules_of("::/0 0.0.0.0/0 2001:db8::/33");

	check(rules, "10.0.0.1", "0.0.0.0/0");
	check(rules, "2001:db8:7fff::1", "2001:db8::/33");
	check(rules, "2001:db8:8000::1", "::/0");
	rules_free(rules);
	rules = rules_of("::/0");
	check(rules, "10.0.0.1", "");
	rules_free(rules);
}
END_TEST

SUITE("rules", without_rules_nothing_is_found, the_longest_rule_is_found, families_are_separate)
