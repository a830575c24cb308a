#include "trust.h"

#include "net/addr.h"
#include "suite.h"

enum { MOST = 8 };

static spore_cidr items[MOST];

/* Takes texts up to NULL. */
static spore_list list_of(const char *const *texts)
{
	spore_list list = { .items = items, .count = 0 };

	for (; *texts; texts++)
		ck_assert(addr_parse_cidr(*texts, &items[list.count++]));
	return list;
}

#define LIST(...) list_of((const char *const[]){ __VA_ARGS__, NULL })

static bool covers(const spore_list *list, const char *ip)
{
	spore_addr addr;

	ck_assert(addr_parse_ip(ip, &addr));
	return trust_covers(list, &addr);
}

START_TEST(an_address_is_in_a_prefix_or_not)
{
	spore_list list = LIST("10.1.2.0/23", "192.0.2.1", "2001:db8::/33", "::1");

	ck_assert(covers(&list, "10.1.2.0") && covers(&list, "10.1.3.255"));
	ck_assert(!covers(&list, "10.1.1.255") && !covers(&list, "10.1.4.0"));
	ck_assert(covers(&list, "192.0.2.1") && !covers(&list, "192.0.2.2"));
	ck_assert(covers(&list, "2001:db8:7fff::1") && !covers(&list, "2001:db8:8000::1"));
	ck_assert(covers(&list, "::1") && !covers(&list, "::"));
}
END_TEST

START_TEST(families_are_separate)
{
	spore_list all6 = LIST("::/0"), all4;

	ck_assert(covers(&all6, "2001:db8::1") && !covers(&all6, "192.0.2.1"));
	all4 = LIST("0.0.0.0/0");
	ck_assert(covers(&all4, "192.0.2.1") && !covers(&all4, "2001:db8::1"));
}
END_TEST

START_TEST(what_has_no_ip_is_not_trusted)
{
	spore_list list = LIST("::/0", "0.0.0.0/0");

	ck_assert(!trust_covers(&list, &(spore_addr){ .family = 0 }));
	ck_assert(!trust_covers(&list, &(spore_addr){ .family = 1 }));
}
END_TEST

SUITE("trust", an_address_is_in_a_prefix_or_not, families_are_separate,
      what_has_no_ip_is_not_trusted)
