#include "ports.h"

#include "suite.h"
#include "warnings.h"

#define LACKS_MOST "/policy/alice: the server does not have most of these ports"

/* What a server with these public ports says of the grant: a fault, a warning, or nothing. */
static void check(const char *server, const char *granted, const char *fault, const char *warning)
{
	static const spore_host nothing;
	const spore_host host = warnings_host(&nothing);
	spore_port_range own[4], ranges[4];
	spore_create_args args = { .struct_size = sizeof args, .host = &host, .public_ports = own };
	spore_list ports = { ranges, 0, sizeof *ranges };
	unsigned lines = 0;
	const char *found;

	for (const char *at = server; *at; at += strcspn(at, " ") + 1, args.n_public_ports++)
		ck_assert_int_eq(sscanf(at, "%hu-%hu", &own[args.n_public_ports].lo,
		                        &own[args.n_public_ports].hi),
		                 2);
	for (const char *at = granted; *at; at += strcspn(at, " ") + 1, ports.count++)
		ck_assert_int_eq(
			sscanf(at, "%hu-%hu", &ranges[ports.count].lo, &ranges[ports.count].hi), 2);
	found = ports_check(&args, &ports, "/policy/alice", &lines);
	ck_assert_msg(!found == !fault && (!fault || strstr(found, fault)), "%s: %s", granted,
	              found ? found : "no fault");
	warnings_expect(warning);
}

START_TEST(a_grant_without_a_port_of_the_server_is_a_fault)
{
	check("100-199 ", "200-299 ", "expected at least one of the server's public ports", NULL);
	check("100-199 300-399 ", "200-299 1-99 ", "found none", NULL);
	check("100-199 ", "199-199 ", NULL, NULL);
}
END_TEST

START_TEST(a_grant_mostly_beside_the_server_is_warned_of)
{
	check("100-199 ", "190-300 ", NULL, LACKS_MOST);
	check("100-199 ", "1-10 100-105 ", NULL, LACKS_MOST);
	check("100-199 300-399 ", "195-304 ", NULL, LACKS_MOST);
	check("100-199 ", "190-209 ", NULL, NULL); /* half of them */
	check("100-199 ", "150-180 ", NULL, NULL);
}
END_TEST

START_TEST(all_that_the_server_has_is_no_surprise)
{
	check("100-199 300-399 ", "1-65535 ", NULL, NULL);
	check("100-199 ", "", NULL, NULL);
}
END_TEST

START_TEST(the_warnings_are_limited)
{
	static const spore_host nothing;
	const spore_host host = warnings_host(&nothing);
	const spore_port_range own = { 100, 199 }, range = { 199, 300 };
	const spore_create_args args = {
		.struct_size = sizeof args, .host = &host, .public_ports = &own, .n_public_ports = 1
	};
	const spore_list ports = { &range, 1, sizeof range };
	unsigned lines = 0;

	for (int i = 0; i < 100; i++)
		ck_assert_ptr_null(ports_check(&args, &ports, "/x", &lines));
	ck_assert_uint_eq(n_warnings, 10);
}
END_TEST

SUITE("ports", a_grant_without_a_port_of_the_server_is_a_fault,
      a_grant_mostly_beside_the_server_is_warned_of, all_that_the_server_has_is_no_surprise,
      the_warnings_are_limited)
