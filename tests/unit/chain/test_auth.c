#include "chain/auth.h"

#include "base/container.h"
#include "host_scene.h"
#include "net/stream.h"
#include "sockets.h"
#include "suite.h"

/* A session that asks: all of it happens on the worker. */
struct asker {
	struct host_scene *scene;
	struct plugin_set *set;
	struct auth_question question;
	struct auth_run run;
	int fds[2];
	struct uuid challenge;
	atomic_int verdict;     /* returned, or given later */
	atomic_uint n_verdicts; /* given later */
	bool cancel;            /* at once */
};

static void on_verdict(struct auth_run *run, int32_t verdict)
{
	struct asker *asker = CONTAINER_OF(run, struct asker, run);

	atomic_store(&asker->verdict, verdict);
	atomic_fetch_add(&asker->n_verdicts, 1);
}

static void open_stream(void *arg)
{
	struct asker *asker = arg;
	spore_addr peer;

	ck_assert(addr_parse("127.0.0.1:1", &peer));
	asker->question.stream = stream_new(asker->scene->loops[0], asker->fds[0], &peer, NULL);
	ck_assert_ptr_nonnull(asker->question.stream);
}

static void close_stream(void *arg)
{
	struct asker *asker = arg;

	auth_cancel(&asker->run);
	auth_cancel(&asker->run); /* harmless */
	stream_close(asker->question.stream, false);
}

static void run_judge(void *arg)
{
	struct asker *asker = arg;

	atomic_store(&asker->verdict, auth_judge(&asker->run, &asker->question, on_verdict));
	if (asker->cancel)
		auth_cancel(&asker->run);
}

static void run_answer(void *arg)
{
	struct asker *asker = arg;

	atomic_store(&asker->verdict, auth_answer(&asker->run, &asker->question, on_verdict));
}

static void set_up(struct asker *asker, struct host_scene *scene, unsigned role, const char *text)
{
	struct patience patience = { .until_ms = INT64_MAX };
	struct err err;

	host_scene_open(scene);
	*asker = (struct asker){ .scene = scene };
	asker->set = host_scene_set(scene, role, text, NULL);
	ck_assert_msg(asker->set != NULL, "%s", scene->printed);
	ck_assert_msg(plugin_set_start(asker->set, true, scene->loops, &patience, &err), "%s",
	              err.text);
	sockets_tcp_pair(asker->fds);
	host_scene_call(scene, open_stream, asker);
	asker->question.set = asker->set;
	asker->question.purpose = SPORE_AUTH_CONTROL;
	asker->question.deadline_ms = clock_ms() + HOST_SCENE_MS;
	asker->question.server_name = "localhost";
}

static void tear_down(struct asker *asker)
{
	host_scene_call(asker->scene, close_stream, asker);
	close(asker->fds[1]);
	plugin_set_unref(asker->set);
	host_scene_close(asker->scene);
}

static bool has_verdict(void *arg)
{
	return atomic_load(&((struct asker *)arg)->verdict) != SPORE_EPENDING;
}

/* The verdict on an answer, however it comes. */
static int32_t judge(struct asker *asker, const char *answer)
{
	asker->question.answer = answer;
	host_scene_call(asker->scene, run_judge, asker);
	ck_assert(host_scene_wait(has_verdict, asker));
	return atomic_load(&asker->verdict);
}

static const char policies[] =
	"{\"auth\":[{\"use\":\"policy\",\"names\":[\"alice\"],\"name\":\"one\"},"
	"{\"use\":\"policy\",\"names\":[\"bob\"],\"max_tunnels\":3,"
	"\"name\":\"two\"}]}";

START_TEST(the_first_instance_that_decides_is_named)
{
	struct host_scene scene;
	struct asker asker;

	set_up(&asker, &scene, ROLE_SERVER, policies);
	ck_assert_int_eq(judge(&asker, "bob"), SPORE_ALLOW);
	ck_assert_str_eq(asker.run.by->name, "two");
	ck_assert_str_eq(asker.run.grant->identity, "bob");
	ck_assert_uint_eq(asker.run.grant->max_tunnels, 3);
	ck_assert_int_eq(judge(&asker, "alice"), SPORE_ALLOW);
	ck_assert_str_eq(asker.run.by->name, "one");
	ck_assert_int_eq(judge(&asker, "eve"), SPORE_DENY);
	ck_assert_ptr_null(asker.run.by);
	ck_assert_ptr_null(asker.run.grant);
	tear_down(&asker);
}
END_TEST

/* A data connection is judged by the instance of its tunnel, with the tunnel's session. */
START_TEST(one_instance_alone_can_be_asked)
{
	struct host_scene scene;
	uint64_t session;
	struct asker asker;

	set_up(&asker, &scene, ROLE_SERVER, policies);
	ck_assert_int_eq(judge(&asker, "alice"), SPORE_ALLOW);
	session = asker.run.grant->session;
	asker.question.only = asker.run.by;
	asker.question.purpose = SPORE_AUTH_DATA;
	asker.question.session = session;
	ck_assert_int_eq(judge(&asker, "alice"), SPORE_ALLOW);
	asker.question.session = session + 1;
	ck_assert_int_eq(judge(&asker, "alice"), SPORE_DENY);
	ck_assert_int_eq(judge(&asker, "bob"), SPORE_DENY); /* NEXT has no next one */
	tear_down(&asker);
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
		set_up(&asker, &scene, ROLE_SERVER, text);
		ck_assert_int_eq(judge(&asker, "bob"), i == 0 ? SPORE_EBACKEND : SPORE_ALLOW);
		ck_assert_int_eq(judge(&asker, "eve"), SPORE_EBACKEND);
		tear_down(&asker);
	}
}
END_TEST

START_TEST(what_is_not_a_verdict_is_an_error)
{
	struct host_scene scene;
	struct asker asker;

	set_up(&asker, &scene, ROLE_SERVER, "{\"auth\":[{\"use\":\"wrong\",\"value\":1}]}");
	ck_assert_int_eq(judge(&asker, "x"), SPORE_EINVAL);
	tear_down(&asker);
}
END_TEST

/* The plugin completes its ticket with ALLOW and then returns 0: the ticket counts. */
START_TEST(a_completed_ticket_counts_more_than_the_return)
{
	struct host_scene scene;
	struct asker asker;

	set_up(&asker, &scene, ROLE_SERVER,
	       "{\"auth\":[{\"use\":\"wrong\",\"value\":23041,\"how\":\"verdict\",\"then\":0}]}");
	ck_assert_int_eq(judge(&asker, "x"), SPORE_ALLOW);
	ck_assert_uint_eq(atomic_load(&asker.n_verdicts), 1);
	tear_down(&asker);
}
END_TEST

START_TEST(a_blocking_instance_answers_from_its_pool)
{
	struct host_scene scene;
	struct asker asker;

	set_up(&asker, &scene, ROLE_SERVER,
	       "{\"auth\":[{\"use\":\"blocking\",\"answer\":\"yes\",\"sleep\":\"5ms\"}]}");
	ck_assert_int_eq(judge(&asker, "yes"), SPORE_ALLOW);
	ck_assert_uint_eq(atomic_load(&asker.n_verdicts), 1);
	ck_assert_int_eq(judge(&asker, "no"), SPORE_DENY);
	tear_down(&asker);
}
END_TEST

/* The plugin returns SPORE_EPENDING and never completes its ticket. */
START_TEST(a_pending_verdict_can_be_cancelled)
{
	static const char series[] = "plugin=wrong,verdict=none,reason=cancelled";
	struct host_scene scene;
	struct asker asker;

	set_up(&asker, &scene, ROLE_SERVER, "{\"auth\":[{\"use\":\"wrong\",\"value\":-2}]}");
	asker.question.answer = "x";
	asker.cancel = true;
	host_scene_call(&scene, run_judge, &asker);
	ck_assert_int_eq(atomic_load(&asker.verdict), SPORE_EPENDING);
	ck_assert_uint_eq(asker.run.ticket, 0);
	ck_assert_double_eq(host_scene_metric(&scene, "spore_auth_verdicts_total", series), 1);
	tear_down(&asker);
	ck_assert_uint_eq(atomic_load(&asker.n_verdicts), 0);
}
END_TEST

START_TEST(a_client_gets_its_answer)
{
	struct host_scene scene;
	struct asker asker;

	set_up(&asker, &scene, ROLE_LOCAL,
	       "{\"client\":{\"to\":\"h\"},\"tunnels\":[{\"local_port\":1}],"
	       "\"auth\":[{\"use\":\"policy\",\"say\":\"alice\"}]}");
	host_scene_call(&scene, run_answer, &asker);
	ck_assert(host_scene_wait(has_verdict, &asker));
	ck_assert_int_eq(atomic_load(&asker.verdict), SPORE_OK);
	ck_assert_str_eq(asker.run.answer, "alice");
	tear_down(&asker);
}
END_TEST

START_TEST(a_client_without_an_answer_hears_why)
{
	struct host_scene scene;
	struct asker asker;

	set_up(&asker, &scene, ROLE_LOCAL,
	       "{\"client\":{\"to\":\"h\"},\"tunnels\":[{\"local_port\":1}],"
	       "\"auth\":[{\"use\":\"policy\"}]}");
	host_scene_call(&scene, run_answer, &asker);
	ck_assert_int_eq(atomic_load(&asker.verdict), SPORE_EUNSUPPORTED);
	tear_down(&asker);
}
END_TEST

static void make_challenge(void *arg)
{
	struct asker *asker = arg;

	ck_assert(auth_challenge(asker->set, asker->question.stream, &asker->challenge));
}

/* Without a channel binding a challenge is an ordinary random UUID. */
START_TEST(challenges_differ_and_offer_no_binding_without_one)
{
	struct host_scene scene;
	struct asker asker;
	struct uuid first;

	set_up(&asker, &scene, ROLE_SERVER, "{\"auth\":[{\"use\":\"hmac\",\"secret\":\"x\"}]}");
	host_scene_call(&scene, make_challenge, &asker);
	first = asker.challenge;
	host_scene_call(&scene, make_challenge, &asker);
	ck_assert_mem_ne(&first, &asker.challenge, sizeof first);
	ck_assert(!spore_challenge_binds(asker.challenge.bytes));
	tear_down(&asker);
}
END_TEST

SUITE("auth", the_first_instance_that_decides_is_named, one_instance_alone_can_be_asked,
      an_error_denies_or_is_skipped, what_is_not_a_verdict_is_an_error,
      a_completed_ticket_counts_more_than_the_return, a_blocking_instance_answers_from_its_pool,
      a_pending_verdict_can_be_cancelled, a_client_gets_its_answer,
      a_client_without_an_answer_hears_why, challenges_differ_and_offer_no_binding_without_one)
