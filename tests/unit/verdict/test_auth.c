#include "verdict/auth.h"

#include "../sdk/plugins/ledger.h"
#include "base/container.h"
#include "host/last_good.h"
#include "host/ticket.h"
#include "log/log.h"
#include "net/stream.h"
#include "stderr_file.h"
#include "suite.h"
#include "verdict/asker.h"
#include "wire/about.h"

static const char policies[] =
	"{\"auth\":[{\"use\":\"policy\",\"names\":[\"alice\"],\"name\":\"one\"},"
	"{\"use\":\"policy\",\"names\":[\"bob\"],\"max_tunnels\":3,"
	"\"name\":\"two\"}]}";

START_TEST(the_first_instance_that_decides_is_named)
{
	struct host_scene scene;
	struct asker asker;

	asker_open(&asker, &scene, ROLE_SERVER, policies);
	ck_assert_int_eq(asker_judge(&asker, "bob"), SPORE_ALLOW);
	ck_assert_str_eq(asker.run.by->name, "two");
	ck_assert_str_eq(asker.run.allowance->grant->identity, "bob");
	ck_assert_uint_eq(asker.run.allowance->grant->max_tunnels, 3);
	ck_assert_int_eq(asker_judge(&asker, "alice"), SPORE_ALLOW);
	ck_assert_str_eq(asker.run.by->name, "one");
	ck_assert_int_eq(asker_judge(&asker, "eve"), SPORE_DENY);
	ck_assert_ptr_null(asker.run.by);
	ck_assert_ptr_null(asker.run.allowance);
	asker_close(&asker);
}
END_TEST

/* A data connection is judged by the instance of its tunnel, with the tunnel's session. */
START_TEST(one_instance_alone_can_be_asked)
{
	struct host_scene scene;
	uint64_t session;
	struct asker asker;

	asker_open(&asker, &scene, ROLE_SERVER, policies);
	ck_assert_int_eq(asker_judge(&asker, "alice"), SPORE_ALLOW);
	session = asker.run.allowance->grant->session;
	asker.question.only = asker.run.by;
	asker.question.purpose = SPORE_AUTH_DATA;
	asker.question.session = session;
	ck_assert_int_eq(asker_judge(&asker, "alice"), SPORE_ALLOW);
	ck_assert_ptr_null(asker.run.allowance); /* has no end */
	asker.question.session = session + 1;
	ck_assert_int_eq(asker_judge(&asker, "alice"), SPORE_DENY);
	ck_assert_int_eq(asker_judge(&asker, "bob"), SPORE_DENY); /* NEXT has no next one */
	asker_close(&asker);
}
END_TEST

/* "on_error" says whether an instance that cannot decide ends the chain. */
START_TEST(an_error_denies_or_is_skipped)
{
	static const char form[] =
		"{\"auth\":[{\"use\":\"wrong\",\"value\":-11,\"on_error\":\"%s\"},"
		"{\"use\":\"policy\",\"names\":[\"bob\"]}]}";
	static const char *const ways[] = { "deny", "next" };

	for (size_t i = 0; i < 2; i++) {
		struct host_scene scene;
		struct asker asker;
		char text[256];

		snprintf(text, sizeof text, form, ways[i]);
		asker_open(&asker, &scene, ROLE_SERVER, text);
		ck_assert_int_eq(asker_judge(&asker, "bob"), i == 0 ? SPORE_EBACKEND : SPORE_ALLOW);
		ck_assert_int_eq(asker_judge(&asker, "eve"), SPORE_EBACKEND);
		asker_close(&asker);
	}
}
END_TEST

START_TEST(what_is_not_a_verdict_is_an_error)
{
	struct host_scene scene;
	struct asker asker;

	asker_open(&asker, &scene, ROLE_SERVER, "{\"auth\":[{\"use\":\"wrong\",\"value\":1}]}");
	ck_assert_int_eq(asker_judge(&asker, "x"), SPORE_EINVAL);
	asker_close(&asker);
}
END_TEST

/* The plugin completes its ticket with ALLOW and then returns 0: the ticket counts. */
START_TEST(a_completed_ticket_counts_more_than_the_return)
{
	struct host_scene scene;
	struct asker asker;

	asker_open(
		&asker, &scene, ROLE_SERVER,
		"{\"auth\":[{\"use\":\"wrong\",\"value\":23041,\"how\":\"verdict\",\"then\":0}]}");
	ck_assert_int_eq(asker_judge(&asker, "x"), SPORE_ALLOW);
	ck_assert_uint_eq(atomic_load(&asker.n_verdicts), 1);
	asker_close(&asker);
}
END_TEST

/* The plugin returns SPORE_EPENDING and never completes its ticket. */
START_TEST(a_pending_verdict_can_be_cancelled)
{
	static const char series[] = "plugin=wrong,verdict=none,reason=cancelled";
	struct host_scene scene;
	struct asker asker;

	asker_open(&asker, &scene, ROLE_SERVER, "{\"auth\":[{\"use\":\"wrong\",\"value\":-2}]}");
	asker.question.answer = "x";
	asker.cancel = true;
	host_scene_call(&scene, asker_run_judge, &asker);
	ck_assert_int_eq(atomic_load(&asker.verdict), SPORE_EPENDING);
	ck_assert_uint_eq(asker.run.ticket, 0);
	ck_assert_double_eq(host_scene_metric(&scene, "spore_auth_verdicts_total", series), 1);
	asker_close(&asker);
	ck_assert_uint_eq(atomic_load(&asker.n_verdicts), 0);
}
END_TEST

START_TEST(a_client_gets_its_answer)
{
	struct host_scene scene;
	struct asker asker;

	asker_open(&asker, &scene, ROLE_LOCAL,
	           "{\"client\":{\"to\":\"h\"},\"tunnels\":[{\"local_port\":1}],"
	           "\"auth\":[{\"use\":\"policy\",\"say\":\"alice\"}]}");
	host_scene_call(&scene, asker_run_answer, &asker);
	ck_assert(host_scene_wait(asker_has_verdict, &asker));
	ck_assert_int_eq(atomic_load(&asker.verdict), SPORE_OK);
	ck_assert_str_eq(asker.run.answer, "alice");
	asker_close(&asker);
}
END_TEST

START_TEST(a_client_without_an_answer_hears_why)
{
	struct host_scene scene;
	struct asker asker;

	asker_open(&asker, &scene, ROLE_LOCAL,
	           "{\"client\":{\"to\":\"h\"},\"tunnels\":[{\"local_port\":1}],"
	           "\"auth\":[{\"use\":\"policy\"}]}");
	host_scene_call(&scene, asker_run_answer, &asker);
	ck_assert_int_eq(atomic_load(&asker.verdict), SPORE_EUNSUPPORTED);
	asker_close(&asker);
}
END_TEST

static void make_challenge(void *arg)
{
	struct asker *asker = arg;

	ck_assert(
		auth_challenge(asker->set, stream_conn(asker->question.stream), &asker->challenge));
}

START_TEST(challenges_differ_and_offer_no_binding_without_one)
{
	struct host_scene scene;
	struct asker asker;
	struct uuid first;

	asker_open(&asker, &scene, ROLE_SERVER, "{\"auth\":[{\"use\":\"hmac\",\"secret\":\"x\"}]}");
	host_scene_call(&scene, make_challenge, &asker);
	first = asker.challenge;
	host_scene_call(&scene, make_challenge, &asker);
	ck_assert_mem_ne(&first, &asker.challenge, sizeof first);
	ck_assert_uint_eq(spore_challenge_offers(asker.challenge.bytes), SPORE_OFFER_ABOUT);
	ck_assert(!spore_challenge_binds(asker.challenge.bytes));
	asker_close(&asker);
}
END_TEST

/* A password needs a secure connection. Bits that are not a form of answers do not count. */
START_TEST(a_challenge_offers_what_the_chain_accepts)
{
	struct host_scene scene;
	struct asker asker;

	asker_open(
		&asker, &scene, ROLE_SERVER,
		"{\"auth\":[{\"use\":\"told\",\"accepts\":4},{\"use\":\"told\",\"accepts\":65531}]"
		"}");
	ck_assert_uint_eq(asker.set->accepts, SPORE_OFFER_SIGNATURES | SPORE_OFFER_PASSWORDS);
	ck_assert(!asker.set->binds);
	host_scene_call(&scene, make_challenge, &asker);
	ck_assert_uint_eq(spore_challenge_offers(asker.challenge.bytes),
	                  SPORE_OFFER_ABOUT | SPORE_OFFER_SIGNATURES);
	asker_close(&asker);
}
END_TEST

START_TEST(only_a_uuid_of_version_8_offers_anything)
{
	struct uuid challenge;

	ck_assert(uuid_random(&challenge));
	challenge.bytes[7] = 0xFF;
	ck_assert_uint_eq(spore_challenge_offers(challenge.bytes), 0);
	ck_assert(!spore_challenge_binds(challenge.bytes));
	uuid_mark(&challenge, 0xFFF);
	ck_assert_uint_eq(spore_challenge_offers(challenge.bytes), 0xFFF);
	ck_assert_uint_eq(spore_challenge_binds(challenge.bytes), 1);
	uuid_mark(&challenge, SPORE_OFFER_BINDS);
	ck_assert_uint_eq(spore_challenge_offers(challenge.bytes), SPORE_OFFER_BINDS);
}
END_TEST

/* The plugin allows those who have the tag; a blocking instance reads a copy. */
START_TEST(an_instance_is_told_what_the_client_says)
{
	static const char *const uses[] = { "told", "auth_told:told_blocking" };
	struct about about = { .size = 0 };

	for (size_t i = 0; i < sizeof uses / sizeof *uses; i++) {
		struct host_scene scene;
		struct asker asker;
		char text[128];

		snprintf(text, sizeof text, "{\"auth\":[{\"use\":\"%s\",\"tag\":\"env=test\"}]}",
		         uses[i]);
		asker_open(&asker, &scene, ROLE_SERVER, text);
		ck_assert_int_eq(asker_judge(&asker, "x"), SPORE_DENY);
		asker.question.about = &about;
		ck_assert_int_eq(asker_judge(&asker, "x"), SPORE_DENY);
		ck_assert_int_eq(about_add(&about, "tag=env=test"), ABOUT_TAKEN);
		ck_assert_int_eq(asker_judge(&asker, "x"), SPORE_ALLOW);
		about_fini(&about);
		asker_close(&asker);
	}
}
END_TEST

/* ---- how an ALLOW ends ---- */

static struct ledger_counts *counts_of(const struct asker *asker, size_t i)
{
	return asker->set->chains[CHAIN_AUTH]->items[i]->self;
}

static bool has_balance(void *arg)
{
	const struct ledger_counts *counts = arg;

	return atomic_load(&counts->allows) > 0 &&
	       atomic_load(&counts->allows) == atomic_load(&counts->ends);
}

static void cancel_run(void *arg)
{
	auth_cancel(&((struct asker *)arg)->run, SPORE_END_SHUTDOWN);
}

static void check_balance(struct asker *asker, uint32_t reason)
{
	struct ledger_counts *counts = counts_of(asker, 0);

	ck_assert(host_scene_wait(has_balance, counts));
	ck_assert_uint_eq(counts->wrong, 0);
	ck_assert_uint_eq(counts->by[reason], counts->ends);
	asker_close(asker);
}

START_TEST(an_allow_that_nobody_takes_ends)
{
	static const char *const ways[] = { "return", "ticket", "work" };

	for (size_t i = 0; i < 3; i++) {
		struct host_scene scene;
		struct asker asker;
		char text[128];

		snprintf(text, sizeof text, "{\"auth\":[{\"use\":\"ledger\",\"how\":\"%s\"}]}",
		         ways[i]);
		asker_open(&asker, &scene, ROLE_SERVER, text);
		ck_assert_int_eq(asker_judge(&asker, "x"), SPORE_ALLOW);
		ck_assert_uint_eq(counts_of(&asker, 0)->ends, 0);
		host_scene_call(&scene, cancel_run, &asker);
		check_balance(&asker, SPORE_END_SHUTDOWN);
	}
}
END_TEST

/* The plugin has heard SPORE_OK, but the asker leaves before the verdict arrives. */
START_TEST(an_allow_that_comes_too_late_ends)
{
	struct host_scene scene;
	struct asker asker;

	asker_open(&asker, &scene, ROLE_SERVER,
	           "{\"auth\":[{\"use\":\"ledger\",\"how\":\"ticket\"}]}");
	asker.question.answer = "x";
	asker.cancel = true;
	host_scene_call(&scene, asker_run_judge, &asker);
	ck_assert_int_eq(atomic_load(&asker.verdict), SPORE_EPENDING);
	check_balance(&asker, SPORE_END_CLOSED);
	ck_assert_uint_eq(atomic_load(&asker.n_verdicts), 0);
}
END_TEST

static bool is_asked(void *arg)
{
	return atomic_load(&((const struct ledger_counts *)arg)->asked) > 0;
}

static bool has_stale(void *arg)
{
	return atomic_load(&((const struct ledger_counts *)arg)->stale) > 0;
}

/* The asker leaves while verify() runs on the pool, which then gives its verdict. */
static void leave_during_verify(struct asker *asker)
{
	struct ledger_counts *counts = counts_of(asker, 0);

	asker->question.answer = "x";
	host_scene_call(asker->scene, asker_run_judge, asker);
	ck_assert(host_scene_wait(is_asked, counts));
	host_scene_call(asker->scene, cancel_run, asker);
	atomic_store(&counts->is_released, true);
}

/* A blocking verify() returns ALLOW, and cannot know that its client has left. */
START_TEST(an_allow_that_is_returned_too_late_ends)
{
	struct host_scene scene;
	struct asker asker;

	asker_open(&asker, &scene, ROLE_SERVER,
	           "{\"auth\":[{\"use\":\"auth_ledger:blocking\",\"hold\":true}]}");
	leave_during_verify(&asker);
	check_balance(&asker, SPORE_END_SHUTDOWN);
	ck_assert_uint_eq(atomic_load(&asker.n_verdicts), 0);
}
END_TEST

/* Completed too late, it was not taken: the plugin hears SPORE_ESTALE. */
START_TEST(a_stale_completion_has_no_end)
{
	struct host_scene scene;
	struct asker asker;

	asker_open(
		&asker, &scene, ROLE_SERVER,
		"{\"auth\":[{\"use\":\"auth_ledger:blocking\",\"how\":\"ticket\",\"hold\":true}]}");
	leave_during_verify(&asker);
	ck_assert(host_scene_wait(has_stale, counts_of(&asker, 0)));
	ck_assert_uint_eq(counts_of(&asker, 0)->allows, 0);
	ck_assert_uint_eq(counts_of(&asker, 0)->ends, 0);
	ck_assert_uint_eq(counts_of(&asker, 0)->wrong, 0);
	asker_close(&asker);
}
END_TEST

/* ---- renewals ---- */

static int32_t renew(struct asker *asker, size_t i, const struct allowance *allowance)
{
	asker->question.purpose = SPORE_AUTH_RENEW;
	asker->question.renews = allowance;
	asker->question.session = allowance_session(allowance);
	asker->question.only = asker->set->chains[CHAIN_AUTH]->items[i];
	return asker_judge(asker, "x");
}

/* An answer that is good once: only the instance's own word replaces it. */
static void renew_once(const char *component)
{
	struct allowance *allowance;
	struct host_scene scene;
	struct asker asker;
	char text[256];

	snprintf(text, sizeof text,
	         "{\"auth\":[{\"use\":\"%s\",\"name\":\"one\",\"once\":true,\"how\":\"ticket\"},"
	         "{\"use\":\"%s\",\"name\":\"two\",\"once\":true,\"how\":\"ticket\"}]}",
	         component, component);
	asker_open(&asker, &scene, ROLE_SERVER, text);
	ck_assert_int_eq(asker_judge(&asker, "x"), SPORE_ALLOW);
	ck_assert_int_eq(asker_judge(&asker, "x"), SPORE_DENY);
	ck_assert_int_eq(renew(&asker, 0, NULL), SPORE_DENY);
	asker.question.purpose = SPORE_AUTH_CONTROL;
	asker.question.only = asker.set->chains[CHAIN_AUTH]->items[1];
	ck_assert_int_eq(asker_judge(&asker, "x"), SPORE_ALLOW);
	allowance = asker.run.allowance; /* of "two" */
	asker.run.allowance = NULL;
	ck_assert_int_eq(renew(&asker, 0, allowance), SPORE_DENY);
	ck_assert_int_eq(renew(&asker, 1, allowance), SPORE_ALLOW);
	host_scene_call(&scene, cancel_run, &asker);
	asker.run.allowance = allowance;
	host_scene_call(&scene, cancel_run, &asker);
	ck_assert_uint_eq(counts_of(&asker, 1)->renewals, 1);
	check_balance(&asker, SPORE_END_REFUSED);
}

START_TEST(only_its_own_word_is_an_instance_s)
{
	renew_once("ledger");
}
END_TEST

START_TEST(a_renewal_on_the_pool_says_the_same)
{
	renew_once("auth_ledger:blocking");
}
END_TEST

/* ---- last good verdicts ---- */

/* A back-end whose mood is in a file. */
struct backend {
	struct host_scene scene;
	struct asker asker;
	char path[32];
};

static void set_mood(const struct backend *backend, const char *mood)
{
	FILE *file = fopen(backend->path, "w");

	ck_assert(file && fputs(mood, file) >= 0 && fclose(file) == 0);
}

/* `more`: further keys of the instance, each after a comma; `next`: further instances. */
static void open_backend(struct backend *backend, const char *use, const char *more,
                         const char *next)
{
	char text[512];
	int fd;

	strcpy(backend->path, "/tmp/spore-mood-XXXXXX");
	fd = mkstemp(backend->path);
	ck_assert_int_ge(fd, 0);
	close(fd);
	snprintf(text, sizeof text,
	         "{\"auth\":[{\"use\":\"%s\",\"name\":\"x\",\"backend\":\"%s\","
	         "\"on_error\":\"last_good\"%s}%s]}",
	         use, backend->path, more, next);
	asker_open(&backend->asker, &backend->scene, ROLE_SERVER, text);
}

static void close_backend(struct backend *backend)
{
	asker_close(&backend->asker);
	unlink(backend->path);
}

static double entries_of(const struct backend *backend)
{
	return host_scene_metric(&backend->scene, "spore_auth_last_good_entries", "plugin=x");
}

static double used_of(const struct backend *backend, const char *labels)
{
	return host_scene_metric(&backend->scene, "spore_auth_last_good_total", labels);
}

static const char *const recalls[] = { "recall", "auth_recall:recall_blocking" };

/* Only who was let in before, with the same proof, and with the same rights. */
START_TEST(while_the_back_end_fails_the_last_good_verdict_counts)
{
	for (size_t i = 0; i < sizeof recalls / sizeof *recalls; i++) {
		struct backend backend;
		struct asker *asker = &backend.asker;

		open_backend(&backend, recalls[i], ",\"max_tunnels\":3", "");
		set_mood(&backend, "fail");
		ck_assert_int_eq(asker_judge(asker, "alice=1"), SPORE_EBACKEND);
		set_mood(&backend, "allow");
		ck_assert_int_eq(asker_judge(asker, "alice=1"), SPORE_ALLOW);
		ck_assert_int_eq(asker_judge(asker, "unhinted"), SPORE_ALLOW);
		ck_assert_double_eq(entries_of(&backend), 2);
		set_mood(&backend, "fail");
		ck_assert_int_eq(asker_judge(asker, "alice=1"), SPORE_ALLOW);
		ck_assert_str_eq(asker->run.by->name, "x");
		ck_assert_str_eq(asker->run.allowance->grant->identity, "alice");
		ck_assert_uint_eq(asker->run.allowance->grant->max_tunnels, 3);
		ck_assert_ptr_null(asker->run.allowance->grant->verifier);
		ck_assert_int_eq(asker_judge(asker, "unhinted"), SPORE_ALLOW);
		ck_assert_int_eq(asker_judge(asker, "alice=2"), SPORE_EBACKEND);
		ck_assert_int_eq(asker_judge(asker, "bob=1"), SPORE_EBACKEND);
		ck_assert_double_eq(used_of(&backend, "plugin=x,purpose=control"), 2);
		close_backend(&backend);
	}
}
END_TEST

/* An error is no denial, a denial is never forgotten for an error, and NEXT denies, too. */
START_TEST(a_denial_ends_a_last_good_verdict)
{
	static const char *const moods[] = { "deny", "next" };

	for (size_t i = 0; i < sizeof moods / sizeof *moods; i++) {
		struct backend backend;
		struct asker *asker = &backend.asker;

		open_backend(&backend, "recall", "", "");
		ck_assert_int_eq(asker_judge(asker, "alice=1"), SPORE_ALLOW);
		set_mood(&backend, moods[i]);
		ck_assert_int_eq(asker_judge(asker, "alice=2"), SPORE_DENY); /* somebody else's */
		ck_assert_double_eq(entries_of(&backend), 1);
		ck_assert_int_eq(asker_judge(asker, "alice=1"), SPORE_DENY);
		ck_assert_double_eq(entries_of(&backend), 0);
		set_mood(&backend, "fail");
		ck_assert_int_eq(asker_judge(asker, "alice=1"), SPORE_EBACKEND);
		close_backend(&backend);
	}
}
END_TEST

/* With the session of their tunnel. */
START_TEST(data_connections_have_last_good_verdicts)
{
	struct backend backend;
	struct asker *asker = &backend.asker;

	open_backend(&backend, "recall", "", "");
	ck_assert_int_eq(asker_judge(asker, "alice=1"), SPORE_ALLOW);
	asker->question.only = asker->run.by;
	asker->question.session = asker->run.allowance->grant->session;
	ck_assert_int_eq(asker_judge(asker, "bob=1"), SPORE_ALLOW);
	asker->question.purpose = SPORE_AUTH_DATA;
	set_mood(&backend, "fail");
	ck_assert_int_eq(asker_judge(asker, "alice=1"), SPORE_ALLOW);
	ck_assert_ptr_null(asker->run.allowance);
	ck_assert_int_eq(asker_judge(asker, "bob=1"), SPORE_EBACKEND); /* of another session */
	ck_assert_double_eq(used_of(&backend, "plugin=x,purpose=data"), 1);
	close_backend(&backend);
}
END_TEST

/* The back-end says it anew with each data connection for which the plugin asks it. */
START_TEST(a_data_connection_confirms_a_last_good_verdict)
{
	struct backend backend;
	struct asker *asker = &backend.asker;

	open_backend(&backend, "recall", "", "");
	ck_assert_int_eq(asker_judge(asker, "alice=1"), SPORE_ALLOW);
	asker->question.only = asker->run.by;
	asker->question.session = asker->run.allowance->grant->session;
	asker->question.purpose = SPORE_AUTH_DATA;
	last_good_forget(asker->run.by->last_good, spore_cstr("alice"), NULL);
	ck_assert_double_eq(entries_of(&backend), 0);
	ck_assert_int_eq(asker_judge(asker, "alice=1"), SPORE_ALLOW);
	ck_assert_double_eq(entries_of(&backend), 1);
	set_mood(&backend, "deny");
	ck_assert_int_eq(asker_judge(asker, "alice=1"), SPORE_DENY);
	ck_assert_double_eq(entries_of(&backend), 0);
	close_backend(&backend);
}
END_TEST

static void run_end(void *arg)
{
	allowance_end(arg, SPORE_END_CLOSED, NULL);
}

/* An open tunnel stays with its old instance instead. A denial is one for the whole identity. */
START_TEST(a_renewal_has_no_last_good_verdict)
{
	struct backend backend;
	struct asker *asker = &backend.asker;
	struct allowance *allowance;

	open_backend(&backend, "recall", "", "");
	ck_assert_int_eq(asker_judge(asker, "alice=1"), SPORE_ALLOW);
	allowance = asker->run.allowance;
	asker->run.allowance = NULL;
	asker->question.purpose = SPORE_AUTH_RENEW;
	asker->question.renews = allowance;
	set_mood(&backend, "fail");
	log_set_level(LOG_DEBUG);
	stderr_file_begin();
	ck_assert_int_eq(asker_judge(asker, "alice=1"), SPORE_EBACKEND);
	stderr_file_expect("then=\"the tunnel stays\"\n");
	ck_assert_double_eq(entries_of(&backend), 1);
	set_mood(&backend, "deny");
	ck_assert_int_eq(asker_judge(asker, ""), SPORE_DENY);
	ck_assert_double_eq(entries_of(&backend), 0);
	host_scene_call(&backend.scene, run_end, allowance);
	close_backend(&backend);
}
END_TEST

/* The chain ends there: the next instance knows less about this client. */
START_TEST(without_a_last_good_verdict_an_error_denies)
{
	struct backend backend;

	open_backend(&backend, "recall", "", ",{\"use\":\"policy\",\"names\":[\"bob=1\"]}");
	set_mood(&backend, "fail");
	stderr_file_begin();
	ck_assert_int_eq(asker_judge(&backend.asker, "bob=1"), SPORE_EBACKEND);
	stderr_file_expect("then=\"deny: last_good knows no such client\"\n");
	set_mood(&backend, "next");
	ck_assert_int_eq(asker_judge(&backend.asker, "bob=1"), SPORE_ALLOW);
	close_backend(&backend);
}
END_TEST

static void run_give_up(void *arg)
{
	struct asker *asker = arg;

	atomic_store(&asker->verdict, auth_give_up(&asker->run));
}

/* The verdict has been given, but has not arrived. */
static void run_give_up_too_early(void *arg)
{
	struct asker *asker = arg;

	asker_run_judge(arg);
	ck_assert_int_eq(host_table()->complete_verify(asker->run.ticket, SPORE_DENY, NULL),
	                 SPORE_OK);
	run_give_up(arg);
}

static int32_t give_up(struct asker *asker, const char *answer)
{
	asker->question.answer = answer;
	host_scene_call(asker->scene, asker_run_judge, asker);
	ck_assert_int_eq(atomic_load(&asker->verdict), SPORE_EPENDING);
	host_scene_call(asker->scene, run_give_up, asker);
	ck_assert_uint_eq(asker->run.ticket, 0);
	return atomic_load(&asker->verdict);
}

/* The time for the verdict is up. */
START_TEST(a_silent_back_end_fails)
{
	struct backend backend;
	struct asker *asker = &backend.asker;

	open_backend(&backend, "recall", "", "");
	ck_assert_int_eq(asker_judge(asker, "alice=1"), SPORE_ALLOW);
	set_mood(&backend, "silent");
	ck_assert_int_eq(give_up(asker, "bob=1"), SPORE_ETIMEOUT);
	ck_assert_int_eq(give_up(asker, "alice=1"), SPORE_ALLOW);
	ck_assert_str_eq(asker->run.allowance->grant->identity, "alice");
	ck_assert_uint_eq(atomic_load(&asker->n_verdicts), 1);
	host_scene_call(&backend.scene, run_give_up_too_early, asker);
	ck_assert_int_eq(atomic_load(&asker->verdict), SPORE_ETIMEOUT);
	close_backend(&backend);
}
END_TEST

START_TEST(a_last_good_verdict_needs_a_verifier)
{
	struct backend backend;

	open_backend(&backend, "recall", ",\"careless\":true", "");
	ck_assert_int_eq(asker_judge(&backend.asker, "alice=1"), SPORE_ALLOW);
	set_mood(&backend, "fail");
	ck_assert_int_eq(asker_judge(&backend.asker, "bob=1"), SPORE_EBACKEND);
	close_backend(&backend);
}
END_TEST

/* Their ends are those of an ALLOW: the ticket is new. */
START_TEST(a_last_good_verdict_has_a_ticket_of_its_own)
{
	struct backend backend;
	struct asker *asker = &backend.asker;
	spore_ticket first;

	open_backend(&backend, "recall", "", "");
	ck_assert_int_eq(asker_judge(asker, "alice=1"), SPORE_ALLOW);
	first = asker->run.allowance->ticket;
	set_mood(&backend, "fail");
	ck_assert_int_eq(asker_judge(asker, "alice=1"), SPORE_ALLOW);
	ck_assert_uint_ne(asker->run.allowance->ticket, 0);
	ck_assert_uint_ne(asker->run.allowance->ticket, first);
	ck_assert_int_eq(
		host_table()->complete_verify(asker->run.allowance->ticket, SPORE_DENY, NULL),
		SPORE_ESTALE);
	close_backend(&backend);
}
END_TEST

static void revise_nothing(void *arg, const struct revision *revision)
{
	(void)arg;
	(void)revision;
}

/* The plugin revokes, or changes what the client may do. */
START_TEST(auth_revalidate_reaches_last_good_verdicts)
{
	const spore_auth_result result = { .struct_size = sizeof result };
	struct backend backend;
	struct asker *asker = &backend.asker;
	spore_ctx *ctx;

	open_backend(&backend, "recall", ",\"max_tunnels\":3", "");
	backend.scene.services.revise = revise_nothing;
	host_fini();
	ck_assert(host_init(&backend.scene.services));
	ck_assert_int_eq(asker_judge(asker, "alice=1"), SPORE_ALLOW);
	ctx = (spore_ctx *)(void *)asker->run.by;
	set_mood(&backend, "fail");
	host_table()->auth_revalidate(ctx, spore_cstr("alice"), SPORE_ALLOW, &result);
	ck_assert_int_eq(asker_judge(asker, "alice=1"), SPORE_ALLOW);
	ck_assert_uint_eq(asker->run.allowance->grant->fields, 0);
	host_table()->auth_revalidate(ctx, spore_cstr("alice"), SPORE_DENY, NULL);
	ck_assert_int_eq(asker_judge(asker, "alice=1"), SPORE_EBACKEND);
	close_backend(&backend);
}
END_TEST

/* ---- a verdict that is on its way while the plugin revises what it has said ---- */

struct change_of_mind {
	struct asker *asker;
	const char *identity;
	void (*meanwhile)(struct change_of_mind *change);
	struct backend *backend;
};

/* The ticket is completed, and its verdict is not delivered yet. */
static void run_judge_and_revise(void *arg)
{
	struct change_of_mind *change = arg;
	struct asker *asker = change->asker;
	struct instance *by = asker->set->chains[CHAIN_AUTH]->items[0];

	asker_run_judge(asker);
	ck_assert_int_eq(atomic_load(&asker->verdict), SPORE_EPENDING);
	ck_assert(!ticket_is_open(asker->run.ticket));
	if (change->meanwhile)
		change->meanwhile(change);
	else
		revisions_add(&by->revisions, spore_cstr(change->identity));
}

static int32_t judge_meanwhile(struct change_of_mind *change, const char *answer)
{
	struct asker *asker = change->asker;

	asker->question.answer = answer;
	host_scene_call(asker->scene, run_judge_and_revise, change);
	ck_assert(host_scene_wait(asker_has_verdict, asker));
	return atomic_load(&asker->verdict);
}

START_TEST(an_old_allow_is_asked_for_again)
{
	static const char *const identities[] = { "once", "another" };

	for (unsigned i = 0; i < 2; i++) {
		struct host_scene scene;
		struct asker asker;
		struct change_of_mind change = { &asker, identities[i], NULL, NULL };

		asker_open(&asker, &scene, ROLE_SERVER,
		           "{\"auth\":[{\"use\":\"ledger\",\"how\":\"ticket\"}]}");
		ck_assert_int_eq(judge_meanwhile(&change, "x"), SPORE_ALLOW);
		ck_assert_str_eq(asker.run.allowance->grant->identity, "once");
		ck_assert_uint_eq(counts_of(&asker, 0)->allows, i == 0 ? 2 : 1);
		ck_assert_uint_eq(counts_of(&asker, 0)->by[SPORE_END_REFUSED], i == 0 ? 1 : 0);
		ck_assert_uint_eq(counts_of(&asker, 0)->wrong, 0);
		asker_close(&asker);
	}
}
END_TEST

static void revoke_alice(struct change_of_mind *change)
{
	set_mood(change->backend, "deny");
	host_table()->auth_revalidate(
		(spore_ctx *)(void *)change->asker->set->chains[CHAIN_AUTH]->items[0],
		spore_cstr("alice"), SPORE_DENY, NULL);
}

START_TEST(whom_the_plugin_revokes_on_the_way_is_denied)
{
	struct backend backend;
	struct asker *asker = &backend.asker;
	struct change_of_mind change = { asker, NULL, revoke_alice, &backend };

	open_backend(&backend, "recall", "", "");
	backend.scene.services.revise = revise_nothing;
	host_fini();
	ck_assert(host_init(&backend.scene.services));
	ck_assert_int_eq(judge_meanwhile(&change, "alice=1"), SPORE_DENY);
	ck_assert_double_eq(entries_of(&backend), 0);
	set_mood(&backend, "fail");
	ck_assert_int_eq(asker_judge(asker, "alice=1"), SPORE_EBACKEND);
	close_backend(&backend);
}
END_TEST

SUITE("auth", an_old_allow_is_asked_for_again, whom_the_plugin_revokes_on_the_way_is_denied,
      the_first_instance_that_decides_is_named, one_instance_alone_can_be_asked,
      an_error_denies_or_is_skipped, what_is_not_a_verdict_is_an_error,
      a_completed_ticket_counts_more_than_the_return, a_pending_verdict_can_be_cancelled,
      a_client_gets_its_answer, a_client_without_an_answer_hears_why,
      challenges_differ_and_offer_no_binding_without_one, a_challenge_offers_what_the_chain_accepts,
      an_allow_that_nobody_takes_ends, an_allow_that_comes_too_late_ends,
      an_allow_that_is_returned_too_late_ends, a_stale_completion_has_no_end,
      only_a_uuid_of_version_8_offers_anything, an_instance_is_told_what_the_client_says,
      only_its_own_word_is_an_instance_s, a_renewal_on_the_pool_says_the_same,
      while_the_back_end_fails_the_last_good_verdict_counts, a_denial_ends_a_last_good_verdict,
      data_connections_have_last_good_verdicts, a_data_connection_confirms_a_last_good_verdict,
      a_renewal_has_no_last_good_verdict, without_a_last_good_verdict_an_error_denies,
      a_silent_back_end_fails, a_last_good_verdict_needs_a_verifier,
      a_last_good_verdict_has_a_ticket_of_its_own, auth_revalidate_reaches_last_good_verdicts)
