#include "net/resolve.h"

#include <stdio.h>
#include <string.h>

#include "net/addr.h"
#include "run_until.h"
#include "suite.h"

struct answer {
	unsigned n_done;
	size_t n;
	spore_addr addrs[RESOLVE_MAX];
	char why[128];
};

static void on_done(void *arg, const spore_addr *addrs, size_t n, const char *why)
{
	struct answer *answer = arg;

	answer->n_done++;
	answer->n = n;
	memcpy(answer->addrs, addrs, n * sizeof *addrs);
	snprintf(answer->why, sizeof answer->why, "%s", why ? why : "");
}

static bool is_done(void *arg)
{
	return ((struct answer *)arg)->n_done > 0;
}

START_TEST(a_numeric_address_is_known)
{
	struct resolver *resolver = resolver_new();
	spore_addr addrs[RESOLVE_MAX];
	char text[ADDR_TEXT_SIZE];

	ck_assert_uint_eq(resolver_known(resolver, "127.0.0.1", 80, addrs), 1);
	ck_assert_str_eq(addr_format(&addrs[0], text), "127.0.0.1:80");
	ck_assert_uint_eq(resolver_known(resolver, "::1", 81, addrs), 1);
	ck_assert_str_eq(addr_format(&addrs[0], text), "[::1]:81");
	ck_assert_uint_eq(resolver_known(resolver, "localhost", 80, addrs), 0);
	ck_assert(resolver_free(resolver));
	ck_assert(resolver_free(NULL));
}
END_TEST

START_TEST(a_name_is_asked_for_once_and_kept)
{
	struct resolver *resolver = resolver_new();
	struct loop *loop = run_until_loop();
	struct answer answer = { 0 };
	spore_addr addrs[RESOLVE_MAX];

	ck_assert_ptr_nonnull(resolve_start(resolver, loop, "localhost", 80, on_done, &answer));
	ck_assert_uint_eq(answer.n_done, 0);
	ck_assert(run_until(loop, is_done, &answer));
	ck_assert_uint_ge(answer.n, 1);
	ck_assert_uint_eq(answer.addrs[0].port, 80);
	ck_assert_uint_eq(resolver_known(resolver, "localhost", 443, addrs), answer.n);
	ck_assert_uint_eq(addrs[0].port, 443);
	ck_assert_mem_eq(addrs[0].ip, answer.addrs[0].ip, 16);
	ck_assert(resolver_free(resolver));
	loop_free(loop);
}
END_TEST

START_TEST(the_address_that_answered_goes_first)
{
	struct resolver *resolver = resolver_new();
	struct loop *loop = run_until_loop();
	struct answer answer = { 0 };
	spore_addr addrs[RESOLVE_MAX];

	ck_assert_ptr_nonnull(resolve_start(resolver, loop, "localhost", 80, on_done, &answer));
	ck_assert(run_until(loop, is_done, &answer));
	for (size_t i = answer.n; i-- > 0;) {
		resolver_prefer(resolver, "localhost", &answer.addrs[i]);
		ck_assert_uint_eq(resolver_known(resolver, "localhost", 80, addrs), answer.n);
		ck_assert(addr_equal(&addrs[0], &answer.addrs[i]));
	}
	resolver_prefer(resolver, "unknown", &answer.addrs[0]);
	resolver_prefer(resolver, "localhost", &(spore_addr){ .family = 4 });
	ck_assert_uint_eq(resolver_known(resolver, "localhost", 80, addrs), answer.n);
	ck_assert(resolver_free(resolver));
	loop_free(loop);
}
END_TEST

/* A label of 64 bytes is invalid, so the look-up fails without a request. */
START_TEST(a_name_that_is_none_says_why)
{
	static const char name[] =
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.invalid";
	struct resolver *resolver = resolver_new();
	struct loop *loop = run_until_loop();
	struct answer answer = { 0 };
	spore_addr addrs[RESOLVE_MAX];

	ck_assert_ptr_nonnull(resolve_start(resolver, loop, name, 80, on_done, &answer));
	ck_assert(run_until(loop, is_done, &answer));
	ck_assert_uint_eq(answer.n, 0);
	ck_assert_str_ne(answer.why, "");
	ck_assert_uint_eq(resolver_known(resolver, name, 80, addrs), 0);
	ck_assert(resolver_free(resolver));
	loop_free(loop);
}
END_TEST

START_TEST(a_stopped_one_hears_nothing)
{
	struct resolver *resolver = resolver_new();
	struct loop *loop = run_until_loop();
	struct answer answers[20] = { { 0 } };

	for (int i = 0; i < 20; i++) {
		struct resolve *resolve = resolve_start(resolver, loop, "localhost", 80, on_done,
		                                        &answers[i]);

		ck_assert_ptr_nonnull(resolve);
		if (i % 3 == 0)
			run_for(loop, i % 2);
		if (answers[i].n_done == 0)
			resolve_stop(resolve);
	}
	resolve_stop(NULL);
	run_for(loop, 100);
	for (int i = 0; i < 20; i++)
		ck_assert(answers[i].n_done == 0 || i % 3 == 0);
	ck_assert(resolver_free(resolver));
	loop_free(loop);
}
END_TEST

START_TEST(many_names_do_not_pile_up)
{
	struct resolver *resolver = resolver_new();
	struct loop *loop = run_until_loop();
	spore_addr addrs[RESOLVE_MAX];

	for (int i = 0; i < 80; i++) {
		struct answer answer = { 0 };
		char name[32];

		snprintf(name, sizeof name, "127.0.%d.1", i); /* needs no request */
		ck_assert_ptr_nonnull(resolve_start(resolver, loop, name, 80, on_done, &answer));
		ck_assert(run_until(loop, is_done, &answer));
		ck_assert_uint_eq(answer.n, 1);
	}
	ck_assert_uint_eq(resolver_known(resolver, "localhost", 80, addrs), 0);
	ck_assert(resolver_free(resolver));
	loop_free(loop);
}
END_TEST

SUITE("resolve", a_numeric_address_is_known, a_name_is_asked_for_once_and_kept,
      the_address_that_answered_goes_first, a_name_that_is_none_says_why,
      a_stopped_one_hears_nothing, many_names_do_not_pile_up)
