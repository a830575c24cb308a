#include "net/resolve.h"

#include <stdio.h>
#include <string.h>

#include "few_descriptors.h"
#include "names.h"
#include "net/addr.h"
#include "net/shortage.h"
#include "run_until.h"
#include "suite.h"

struct answer {
	unsigned n_done;
	size_t n;
	spore_addr addrs[RESOLVE_MAX];
	char why[128];
	enum shortage lacks;
};

static void on_done(void *arg, const spore_addr *addrs, size_t n, const struct net_failure *failure)
{
	struct answer *answer = arg;

	answer->n_done++;
	answer->n = n;
	memcpy(answer->addrs, addrs, n * sizeof *addrs);
	snprintf(answer->why, sizeof answer->why, "%s", failure->why ? failure->why : "");
	answer->lacks = failure->lacks;
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

static void look_up(struct resolver *resolver, struct loop *loop, const char *name,
                    struct answer *answer)
{
	*answer = (struct answer){ 0 };
	ck_assert_ptr_nonnull(resolve_start(resolver, loop, name, 80, on_done, answer));
	ck_assert(run_until(loop, is_done, answer));
}

static void check_order(const spore_addr *addrs, size_t n, const char *const expected[])
{
	char text[ADDR_TEXT_SIZE];

	for (size_t i = 0; i < n; i++)
		ck_assert_str_eq(addr_format_ip(&addrs[i], text), expected[i]);
	ck_assert_ptr_null(expected[n]);
}

/* The answer that was kept and every later answer are in the order of what succeeded. */
START_TEST(a_preference_outlasts_the_answer)
{
	static const char *const published[] = { "127.0.0.2", "127.0.0.3", "127.0.0.4", NULL };
	static const char *const preferred[] = { "127.0.0.3", "127.0.0.2", "127.0.0.4", NULL };
	static const char *const without[] = { "127.0.0.2", "127.0.0.4", NULL };
	struct resolver *resolver = resolver_new();
	struct loop *loop = run_until_loop();
	spore_addr addrs[RESOLVE_MAX];
	struct answer answer;
	size_t n;

	names_publish("three.test", published);
	look_up(resolver, loop, "three.test", &answer);
	check_order(answer.addrs, answer.n, published);
	resolver_prefer(resolver, "three.test", &answer.addrs[1]);
	for (int i = 0; i < 2; i++) {
		n = resolver_known(resolver, "three.test", 80, addrs);
		check_order(addrs, n, preferred);
		look_up(resolver, loop, "three.test", &answer);
		check_order(answer.addrs, answer.n, preferred);
	}
	names_publish("three.test", without);
	look_up(resolver, loop, "three.test", &answer);
	check_order(answer.addrs, answer.n, without);
	ck_assert(resolver_free(resolver));
	loop_free(loop);
}
END_TEST

static const char *const old_place[] = { "127.0.0.2", NULL };
static const char *const new_place[] = { "127.0.0.3", NULL };

static bool are_done(void *arg)
{
	const struct answer *answers = arg;

	return answers[0].n_done && answers[1].n_done && answers[2].n_done;
}

/* Knows the name at its old place, which is in doubt. */
static struct resolver *know_old_place(struct loop *loop)
{
	struct resolver *resolver = resolver_new();
	spore_addr addrs[RESOLVE_MAX];
	struct answer answer;

	names_publish("moving.test", old_place);
	look_up(resolver, loop, "moving.test", &answer);
	check_order(answer.addrs, answer.n, old_place);
	ck_assert_uint_eq(resolver_known(resolver, "moving.test", 80, addrs), 1);
	resolver_doubt(resolver, "moving.test");
	ck_assert_uint_eq(resolver_known(resolver, "moving.test", 80, addrs), 0);
	return resolver;
}

START_TEST(those_who_ask_at_once_share_a_look_up)
{
	struct resolver *resolver = resolver_new();
	struct loop *loop = run_until_loop();
	struct answer answers[3] = { { 0 } };

	names_publish("moving.test", old_place);
	names_disturb(0, 50);
	resolver_refresh(resolver, "moving.test");
	for (int i = 0; i < 3; i++)
		ck_assert_ptr_nonnull(resolve_start(resolver, loop, "moving.test",
		                                    (uint16_t)(80 + i), on_done, &answers[i]));
	ck_assert(run_until(loop, are_done, answers));
	for (int i = 0; i < 3; i++) {
		check_order(answers[i].addrs, answers[i].n, old_place);
		ck_assert_uint_eq(answers[i].addrs[0].port, 80 + i);
		ck_assert_uint_eq(answers[i].n_done, 1);
	}
	ck_assert_uint_eq(atomic_load(&names_published.n), 1);
	ck_assert(resolver_free(resolver));
	loop_free(loop);
}
END_TEST

START_TEST(an_old_answer_waits_for_the_new_one)
{
	struct loop *loop = run_until_loop();
	struct resolver *resolver = know_old_place(loop);
	struct answer answer;

	names_publish("moving.test", new_place);
	names_disturb(0, 100);
	look_up(resolver, loop, "moving.test", &answer);
	check_order(answer.addrs, answer.n, new_place);
	ck_assert(resolver_free(resolver));
	loop_free(loop);
}
END_TEST

START_TEST(no_such_name_replaces_the_answer)
{
	struct loop *loop = run_until_loop();
	struct resolver *resolver = know_old_place(loop);
	struct answer answer;

	names_disturb(EAI_NONAME, 0);
	look_up(resolver, loop, "moving.test", &answer);
	ck_assert_uint_eq(answer.n, 0);
	ck_assert_str_eq(answer.why, gai_strerror(EAI_NONAME));
	names_disturb(EAI_AGAIN, 0);
	look_up(resolver, loop, "moving.test", &answer);
	ck_assert_uint_eq(answer.n, 0);
	ck_assert_str_eq(answer.why, gai_strerror(EAI_AGAIN));
	ck_assert(resolver_free(resolver));
	loop_free(loop);
}
END_TEST

/* getaddrinfo says that there is no such name. */
START_TEST(a_lack_of_descriptors_leaves_the_answer)
{
	struct resolver *resolver = resolver_new();
	struct loop *loop = run_until_loop();
	struct rlimit before = few_descriptors_begin(0);
	struct answer answer;

	look_up(resolver, loop, "localhost", &answer);
	few_descriptors_end(&before);
	ck_assert_uint_eq(answer.n, 0);
	ck_assert_int_eq(answer.lacks, SHORTAGE_DESCRIPTORS);
	ck_assert_str_eq(answer.why, "Too many open files");
	look_up(resolver, loop, "localhost", &answer);
	ck_assert_uint_gt(answer.n, 0);
	before = few_descriptors_begin(0);
	look_up(resolver, loop, "localhost", &answer);
	few_descriptors_end(&before);
	ck_assert_uint_gt(answer.n, 0);
	ck_assert(resolver_free(resolver));
	loop_free(loop);
}
END_TEST

START_TEST(a_failing_service_leaves_the_answer)
{
	struct loop *loop = run_until_loop();
	struct resolver *resolver = know_old_place(loop);
	spore_addr addrs[RESOLVE_MAX];
	struct answer answer;

	names_disturb(EAI_AGAIN, 0);
	look_up(resolver, loop, "moving.test", &answer);
	check_order(answer.addrs, answer.n, old_place);
	/* Not every caller has to ask a service that fails. */
	ck_assert_uint_eq(resolver_known(resolver, "moving.test", 80, addrs), 1);
	ck_assert(resolver_free(resolver));
	loop_free(loop);
}
END_TEST

START_TEST(a_silent_service_leaves_the_answer)
{
	struct loop *loop = run_until_loop();
	struct resolver *resolver = know_old_place(loop);
	spore_addr addrs[RESOLVE_MAX];
	struct answer answer;
	int64_t begun_ms = clock_ms();

	names_disturb(0, RESOLVE_PATIENCE_MS + 500);
	look_up(resolver, loop, "moving.test", &answer);
	check_order(answer.addrs, answer.n, old_place);
	ck_assert_int_ge(clock_ms() - begun_ms, RESOLVE_PATIENCE_MS - 20);
	/* The next caller does not wait for the same look-up again. */
	ck_assert_uint_eq(resolver_known(resolver, "moving.test", 80, addrs), 1);
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

SUITE("resolve", a_lack_of_descriptors_leaves_the_answer, a_numeric_address_is_known,
      a_name_is_asked_for_once_and_kept, the_address_that_answered_goes_first,
      a_preference_outlasts_the_answer, those_who_ask_at_once_share_a_look_up,
      an_old_answer_waits_for_the_new_one, no_such_name_replaces_the_answer,
      a_failing_service_leaves_the_answer, a_silent_service_leaves_the_answer,
      a_name_that_is_none_says_why, a_stopped_one_hears_nothing, many_names_do_not_pile_up)
